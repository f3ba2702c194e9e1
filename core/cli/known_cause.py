"""`sightline known-cause`: how far methods tell a model that looks from one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cases.journal import check_journal
from ..cases.known_cause.by_layer import KIND as BY_LAYER
from ..cases.known_cause.by_layer import by_layer_table, run_by_layer
from ..cases.known_cause.run import KIND, run_known_cause
from ..cases.known_cause.table import known_cause_table
from ..cases.plain import plain
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .completed import tell_ranking, write_completed
from .console import Exit, bar, emit, say, stoppable


def run_layers(looks: ModelSpec, habit: ModelSpec, out: Path, scenes: int, summary: Path | None, command: str) -> Exit:
    """Go on with the measurement in `out`, and tell what each layer looks at and brings into the word."""
    check_journal(out, BY_LAYER)
    with reserved(summary, beside=[out]), stoppable() as cancel, bar("known cause by layer") as progress:
        found = run_by_layer(load(looks), load(habit), out, scenes, progress, cancel)
        say(by_layer_table(found))
        record = plain({"command": command, **asdict(found)})
        write_completed(lambda: record, summary, cancel, "the known cause is not complete")
        for layer in record["layers"]:
            emit(layer)
        emit({**{name: value for name, value in record.items() if name != "layers"}, "complete": not cancel.cancelled})
    return Exit.STOPPED if cancel.cancelled else Exit.DONE


def run(
    looks: ModelSpec,
    habit: ModelSpec,
    out: Path,
    scenes: int,
    methods: Sequence[str] | None,
    contrasts: bool,
    summary: Path | None,
    command: str,
) -> Exit:
    """Go on with the measurement in `out`, and tell how the methods stand; `summary` is written when it is complete."""
    check_journal(out, KIND)
    with reserved(summary, beside=[out]):
        with stoppable() as cancel, bar("known cause") as progress:
            found = run_known_cause(load(looks), load(habit), out, scenes, methods, contrasts, progress, cancel)
        say(known_cause_table(found))
        record = plain({"command": command, **asdict(found)})
        return tell_ranking(record, summary, cancel, "the known cause is not complete")
