"""Finds every claim of this package: a file that defines one is all it takes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from ..errors import UnknownName
from ..plugins import discovered
from .claim import Claim

TOLD = ("key", "name", "says", "paper", "link", "measured", "control", "rule", "caveat")


@cache
def claims() -> dict[str, Claim[Any]]:
    """Every claim by its key, in the order that they declare.

    Raises ValueError when two have the same key, or one lacks what its page tells.
    """
    by_name = discovered(__package__, Claim, TOLD)
    return dict(sorted(by_name.items(), key=lambda item: item[1].order))


def claims_named(keys: Iterable[str] | None) -> dict[str, Claim[Any]]:
    """The claims of some keys (former ones are known as well) in their order; all of them for None. Raises
    UnknownName for one that there is not."""
    known = claims()
    if keys is None:
        return known
    present = {former: key for key, claim in known.items() for former in claim.former_keys} | {
        key: key for key in known
    }
    wanted = list(keys)
    for key in wanted:
        if key not in present:
            raise UnknownName(f"There is no claim {key!r}. Choose among {', '.join(known)}.")
    chosen = {present[key] for key in wanted}
    return {key: claim for key, claim in known.items() if key in chosen}
