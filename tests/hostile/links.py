"""Addresses of pages that somebody else may have written."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from hypothesis import strategies as st

from tests.hostile.texts import ALL, MARKUP, PATHS, texts

NAMES = ("run", "model", "scene", "changes", "q")
"""The parameters that pages read."""

ODD_VALUES: dict[str, tuple[str, ...]] = {
    "run": ("../../etc", "20260101-000000-aaaaaa", "20260101-000000-aaaaaa/../x", ".", "CON", "x" * 5000),
    "model": (*PATHS.values(), "embedded", "embedded/..", "org/name@", "org/name@refs/pr/1", "@", "/", "a/b/c"),
    "scene": ("-1", "0", "27.5", "1e9", "9" * 30, "NaN", "٢٧", "0x1b", "27 ", "-0", "--", "null"),
    "changes": (
        "recolour",
        "colour-house-red," * 500,
        "add-dog-99-99",
        "door-house-ajar",
        "remove-",
        ",,,",
        "-" * 3000,
    ),
    "q": tuple(MARKUP.values()),
}


def encoded(text: str) -> str:
    """A text as an address holds it; half a pair as UTF-8 has no way to."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def links() -> Iterator[str]:
    """What follows the ? of an address."""
    for name, values in ODD_VALUES.items():
        for value in values:
            yield f"{name}={encoded(value)}"
    for text in ALL.values():
        yield f"scene=27&q={encoded(text[:600])}"
    yield from ("scene=27&scene=28", "scene", "=27", "&&&", "scene=%ff%fe", "scene=%", "embed=true&scene=27", "%00=1")
    yield "&".join(f"x{number}=1" for number in range(500))


def parameters() -> st.SearchStrategy[dict[str, str]]:
    """Any values of the parameters that pages read."""
    return st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(texts(), *(st.sampled_from(values) for values in ODD_VALUES.values())),
        max_size=4,
    )
