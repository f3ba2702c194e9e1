"""A run in words: when, whose, how much."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from ...charts.tokens import cut
from ...quantities import file_size
from ...runs.info import RunInfo
from ..widgets.chips import escaped

LONGEST = 140
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str, longest: int = LONGEST) -> str:
    """Text in one line, shortened, without characters that would turn the text around them. Still untrusted."""
    return cut(" ".join(_TURNING.sub("", text).split()), longest)


def title_of(run: RunInfo) -> str:
    """The title in one line, in quotes, for a sentence."""
    return f"“{one_line(run.title, 60)}”"


def when(seconds: float) -> str:
    """A time as the reader's clock has it: "2026-01-31 23:59"."""
    try:
        zone = ZoneInfo(st.context.timezone) if st.context.timezone else None
        return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError, LookupError):
        return "at an unknown time"


def many(count: int, one: str) -> str:
    """A count and its noun: "1 run", "3 runs"."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def facts(run: RunInfo) -> str:
    """When it was begun, whose answers it has, how many questions, and what it takes, for a caption."""
    about = run.manifest
    parts = [when(run.created)]
    if about is not None:
        parts += [escaped(one_line(name, 40)) for name in run.models]
        left = len(about.turns) - len(about.conversation)
        asked = many(len(about.conversation), "question")
        parts.append(f"{asked}, {left:,} left by Edit or Clear" if left > 0 else asked)
    return " · ".join((*parts, file_size(run.bytes)))
