"""`sightline true-effects`: how near methods' maps are to what each thing of a scene gives to an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cases.journal import check_journal
from ..cases.plain import plain
from ..cases.true_effects.run import KIND, run_true_effects
from ..cases.true_effects.table import true_effects_table
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .completed import tell_ranking
from .console import Exit, bar, say, stoppable


def run(
    model: ModelSpec, out: Path, cases: int, methods: Sequence[str] | None, summary: Path | None, command: str
) -> Exit:
    """Go on with the measurement in `out`, and tell how the methods stand; `summary` is written when it is complete."""
    check_journal(out, KIND)
    with reserved(summary, beside=[out]):
        with stoppable() as cancel, bar("true effects") as progress:
            found = run_true_effects(load(model), out, cases, methods, progress, cancel)
        say(true_effects_table(found))
        record = plain({"command": command, **asdict(found)})
        return tell_ranking(record, summary, cancel, "the true effects are not complete")
