"""Runs by the words in them."""

from __future__ import annotations

from collections.abc import Iterable

from .info import RunInfo


def matching(runs: Iterable[RunInfo], words: str) -> tuple[RunInfo, ...]:
    """The runs in which every word stands, in upper or lower case, as a part of the title, notes, tags, models'
    names or sources, or of a question or answer; all where there is no word. The order stays. Damaged runs are found by
    their title."""
    wanted = words.casefold().split()
    return tuple(run for run in runs if all(word in text for text in [_text(run)] for word in wanted))


def _text(run: RunInfo) -> str:
    about = run.manifest
    if about is None:
        return run.title.casefold()
    models = (f"{model.card.name} {model.card.source} {model.card.family}" for model in about.models)
    said = (f"{turn.question} {turn.answer or ''}" for turn in about.turns)
    return " ".join((run.title, about.notes, *about.tags, *models, *said)).casefold()
