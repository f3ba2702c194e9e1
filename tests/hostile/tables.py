"""Tables of cases that no program should have written."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import strategies as st

from tests.hostile.texts import ALL, FORMULAS, MARKUP, texts

HEADER = "image,question,expected\n"


def tables() -> Iterator[tuple[str, bytes]]:
    """Contents of a CSV file, by what they are."""
    yield "nothing", b""
    yield "a header alone", HEADER.encode()
    yield "a quote that never ends", (HEADER + 'a.png,"what' + "\nx" * 500).encode()
    yield "zeros", HEADER.encode() + b"\0" * 500
    yield "halves", HEADER.encode("utf-16") + "a.png,what,yes\n".encode("utf-16")
    yield "no UTF-8", HEADER.encode() + b"a.png,\xff\xfe\xfa,yes\n"
    yield "one cell of a million letters", (HEADER + f'a.png,"{"x" * 10**6}",yes\n').encode()
    yield "ten thousand columns", (",".join(f"c{number}" for number in range(10_000)) + "\n").encode()
    yield "a column twice", b"image,question,question,expected\na.png,what,who,yes\n"
    yield "ragged lines", (HEADER + "a.png\na.png,what,yes,more,and,more\n,,,\n").encode()
    yield "carriage returns", (HEADER + "a.png,what,yes\n").replace("\n", "\r").encode()
    yield "paths", (HEADER + "".join(f"{path},what,yes\n" for path in ("../../a.png", "/etc/passwd", "~/a"))).encode()
    yield "devices", (HEADER + "/dev/zero,what,yes\npipe.png,what,yes\n").encode()
    yield "names", ",".join(f'"{text}"' for text in ("image", "question", "expected", *FORMULAS)).encode() + b"\n"
    rows = "".join(f"scene.png,{_quoted(text)},{_quoted(text)}\n" for text in (*MARKUP.values(), *FORMULAS))
    yield "markup", (HEADER + rows).encode()
    rows = "".join(f"scene.png,{_quoted(text)},yes\n" for text in ALL.values())
    yield "letters", (HEADER + rows).encode("utf-8", "surrogatepass")


def of_any_cells() -> st.SearchStrategy[bytes]:
    """Lines of any cells, quoted or not."""
    cell = st.one_of(st.just("scene.png"), texts(), texts().map(_quoted))
    line = st.lists(cell, max_size=5).map(",".join)
    return st.lists(line, max_size=5).map(lambda lines: (HEADER + "\n".join(lines)).encode("utf-8", "surrogatepass"))


def of_any_lines() -> st.SearchStrategy[bytes]:
    """JSON lines of any values."""
    value = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts(), st.lists(texts(), max_size=2))
    names = st.sampled_from(("image", "question", "expected", "text", "label", "question_id", "id"))
    line = st.dictionaries(names, value, max_size=5).map(json.dumps)
    return st.lists(line, max_size=4).map(lambda lines: "\n".join(lines).encode())


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
