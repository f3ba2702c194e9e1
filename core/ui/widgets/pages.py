"""Many things of a kind, some at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

Thing = TypeVar("Thing")


def page_of(things: Sequence[Thing], size: int, key: str, of_the_run: bool = False) -> Sequence[Thing]:
    """`size` of the things, and a control for which where there are more; what is chosen `of_the_run` is kept there."""
    pages = -(-len(things) // size)
    if pages < 2:
        return things
    first = size * (st.pagination(pages, key=f"{key}_{pages}", persist_state="session" if of_the_run else None) - 1)
    return things[first : first + size]
