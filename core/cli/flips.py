"""`sightline flips`: how often the claims of causal graphs survive a test."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ..cases.flips import expected, flip_table
from ..cases.plain import write_plain
from ..causal.explanation_test import Masking, Mode
from ..causal.settings import GraphSettings
from ..vlm.model import VisionLanguageModel
from .console import Exit, bar, emit, say, say_forecast, stoppable


def run(
    model: VisionLanguageModel, scenes: int, masking: Mode, out: Path | None, of_a_layer: int | None = None
) -> Exit:
    """Graphs of every head for every scene, or of so many of each layer, masked and counted: the table, and a line for
    each search distance; after a stop, of the scenes that were finished, and nothing is written to `out`."""
    settings = GraphSettings()
    told = expected(model, scenes, Masking(masking), of_a_layer=of_a_layer)
    say_forecast(told, "The graphs and their tests", "--sample tests some heads of each layer.")
    with stoppable() as cancel, bar("flips") as progress:
        table = flip_table(
            model, scenes, settings, Masking(masking), of_a_layer=of_a_layer, progress=progress, cancel=cancel
        )
    for line in table.lines():
        say(line)
    record = {"model": model.card.fingerprint, "settings": asdict(settings), **asdict(table)}
    for row in record["radii"]:
        emit(row)
    emit({name: value for name, value in record.items() if name != "radii"})
    if cancel.cancelled:
        return Exit.STOPPED
    if out is not None:
        write_plain(record, out)
    return Exit.DONE
