"""`sightline flips`: how often the claims of causal graphs survive a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ..cases.flips import KIND, expected, flip_table, journal_of
from ..cases.journal import check_journal
from ..causal.explanation_test import Masking, Mode
from ..causal.settings import GraphSettings
from ..vlm.model import VisionLanguageModel
from ..writing import reserved
from .completed import write_completed
from .console import Exit, bar, emit, say, say_forecast, stoppable


def run(
    load: Callable[[], VisionLanguageModel],
    scenes: int,
    masking: Mode,
    journal: Path | None,
    out: Path | None,
    of_a_layer: int | None = None,
) -> Exit:
    """Graphs of every head for every scene, or of so many of each layer, masked and counted, going on with what
    `journal` has (the model's own by default): the table, and a line for each search distance; after a stop, of the
    scenes that were finished, and nothing is written to `out`."""
    if journal is not None:
        check_journal(journal, KIND)
    with reserved(out, beside=[journal]):
        return _run(load(), scenes, Masking(masking), journal, out, of_a_layer)


def _run(
    model: VisionLanguageModel,
    scenes: int,
    masking: Masking,
    journal: Path | None,
    out: Path | None,
    of_a_layer: int | None,
) -> Exit:
    settings = GraphSettings()
    told = expected(model, scenes, masking, of_a_layer=of_a_layer)
    say_forecast(told, "The graphs and their tests", "--sample tests some heads of each layer.")
    with stoppable() as cancel, bar("flips") as progress:
        table = flip_table(
            model,
            scenes,
            settings,
            masking,
            of_a_layer=of_a_layer,
            file=journal or journal_of(model.card),
            progress=progress,
            cancel=cancel,
        )
    record = {"model": model.card.fingerprint, "settings": asdict(settings), **asdict(table)}
    try:
        write_completed(lambda: record, out, cancel, "not all scenes are finished")
    finally:  # what is finished is told, also where the file cannot be written
        for line in table.lines():
            say(line)
        for row in record["radii"]:
            emit(row)
        emit({name: value for name, value in record.items() if name != "radii"})
    return Exit.STOPPED if cancel.cancelled else Exit.DONE
