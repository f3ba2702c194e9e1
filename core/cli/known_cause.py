"""`sightline known-cause`: how far methods tell a model that looks from one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cases.journal import check_journal
from ..cases.known_cause.run import KIND, run_known_cause
from ..cases.known_cause.table import known_cause_table
from ..cases.plain import plain
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .completed import tell_ranking
from .console import Exit, bar, say, stoppable


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
