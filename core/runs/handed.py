"""The pieces of a run as somebody else gets them: without folders of this machine, without what was typed or chosen and
never asked, and without pictures that nothing in them shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import RunDamaged
from .codec.form import Broken, Given, Out, Plain
from .draft import NAME as DRAFT
from .files import read_file
from .manifest import MANIFEST, KeptModel, Manifest
from .pieces import piece_json, read_json
from .public import public_about, public_model, public_name, public_text, without_home
from .results import ABOUT, About

NOTHING = b"{}"
"""In the place of a piece that cannot be read: what is in it is not known, so it is not handed over. Whoever takes it
in is told that it is damaged."""
_PICTURE = re.compile(rb'"([0-9a-f]{64})"')


def handed(
    folder: Path, names: Iterable[tuple[str, int]], models: tuple[KeptModel, ...]
) -> Iterator[tuple[str, bytes]]:
    """The files of a run by name (`names`, each with how large it may be) as they are handed over. `models` are those
    that the run names. Raises RunDamaged where a file cannot be read."""
    shown: set[str] = set()
    for name, most in sorted(names, key=lambda item: not item[0].endswith(".json")):
        path = PurePosixPath(name)
        if path.name.partition(".")[0] == DRAFT:
            continue
        if path.suffix == ".json":
            content = _public(folder, path, models)
            shown.update(one.decode() for one in _PICTURE.findall(content))
        elif path.suffix == ".png" and path.stem not in shown:
            continue
        else:
            content = read_file(folder / name, most)
        yield name, content


def _public(folder: Path, path: PurePosixPath, models: tuple[KeptModel, ...]) -> bytes:
    kind = {"turns": "turn", "results": "result"}.get(path.parent.name, "run")
    kind = "attention" if kind == "turn" and path.stem.endswith("-rows") else kind
    try:
        body = read_json(folder / path.parent, path.stem, kind)
        content: Any = body["content"]
        if kind == "run":
            content = _manifest(content)
        elif kind == "result":
            about: About = ABOUT.decode(content["about"], Given())
            content = {**content, "about": ABOUT.encode(replace(about, about=public_about(about.about)), Out())}
        elif kind == "turn":
            content = _turn(content, models)
    except (RunDamaged, Broken, TypeError, KeyError, AttributeError):
        return NOTHING
    return piece_json(kind, {**body, "content": content})


def _manifest(content: Plain) -> Plain:
    manifest: Manifest = MANIFEST.decode(content, Given())
    return MANIFEST.encode(replace(manifest, models=tuple(map(public_model, manifest.models))), Out())


def _turn(content: dict[str, Any], models: tuple[KeptModel, ...]) -> dict[str, Any]:
    """A turn whose sentences name no folder, and whose pictures are called by the names of their files."""
    told = {name: content[name] for name in ("trouble", "replay") if content.get(name)}
    for name, text in told.items():
        for model in models:
            text = public_text(text, model)
        told[name] = without_home(text)
    sources = [{**one, "name": public_name(one["name"])} for one in content["sources"]]
    return {**content, **told, "sources": sources}
