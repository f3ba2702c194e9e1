"""Bundles and runs that were damaged on the way, or made to be."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.files import damaged


def members(bundle: Path) -> dict[str, bytes]:
    """The files of a bundle by name."""
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def bundles(whole: Path, most: int = 60) -> Iterator[tuple[str, bytes]]:
    """Damaged copies of a bundle by what was done: a file gone, cut, of other bytes or, of JSON, with one odd value."""
    files = members(whole)
    content = whole.read_bytes()
    yield "half of it", content[: len(content) // 2]
    yield "its end alone", content[len(content) // 2 :]
    yield "something before it", b"x" * 100 + content
    yield "another archive in it", zipped({**files, "run/run.json": content})
    for name, inside in files.items():
        yield f"no {name}", zipped({other: each for other, each in files.items() if other != name})
        yield f"half of {name}", zipped({**files, name: inside[: len(inside) // 2]})
        yield f"nothing in {name}", zipped({**files, name: b""})
        if name.endswith(".json"):
            for what, changed in _every_so_often(damaged(json.loads(inside), most=10**6), most):
                yield f"{name} with {what}", zipped({**files, name: json.dumps(changed).encode()})
        else:
            middle = len(inside) // 2
            yield f"a byte of {name}", zipped({**files, name: inside[:middle] + b"\xff" + inside[middle + 1 :]})


def _every_so_often(all_: Iterator[tuple[str, object]], most: int) -> Iterator[tuple[str, object]]:
    """At most so many, from the beginning to the end."""
    every = list(all_)
    yield from every[:: max(1, len(every) // most)]
