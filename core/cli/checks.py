"""`sightline checks`: do the tests of maps, and the maps, behave as they must where it is known how?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cases.checks.agreement import agreement, retrained
from ..cases.checks.run import KIND, run_checks
from ..cases.checks.table import agreement_table, methods_table, metrics_table, pairs_table, retrained_table
from ..cases.journal import Record, check_journal, read_journal
from ..cases.league import KIND as LEAGUE
from ..cases.pairs import figures_of, pairs
from ..cases.plain import plain
from ..cases.ranking import DECIDING
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .completed import tell_ranking
from .console import Exit, bar, say, stoppable


def run(
    model: ModelSpec,
    out: Path,
    cases: int,
    things: int,
    methods: Sequence[str] | None,
    league: Path | None,
    hidden: Path | None,
    summary: Path | None,
    command: str,
) -> Exit:
    """Go on with the checks in `out`, and tell what they found; with the journal of a `league` what its lines say of
    metrics and methods, and with that of a model that knows `hidden` patches how methods stand there. `summary` is
    written when it is complete."""
    check_journal(out, KIND)
    lines = None if league is None else read_journal(league, LEAGUE)[1]
    others = None if hidden is None else read_journal(hidden, LEAGUE)[1]
    with reserved(summary, beside=[out]):
        with stoppable() as cancel, bar("checks") as progress:
            found = run_checks(load(model), out, cases, things, methods, progress, cancel)
        say(methods_table(found))
        say(f"\n{metrics_table(found)}")
        record: Record = {"command": command, **asdict(found)}
        if lines is not None:
            agreed, told = agreement(lines), pairs(figures_of(lines, DECIDING), DECIDING)
            say(f"\nMetrics, over {agreed.cases:,} cases and {agreed.methods} methods:\n\n{agreement_table(agreed)}")
            say(f"\nPairs of methods:\n\n{pairs_table(told)}")
            record |= {"agreement": asdict(agreed), "pairs": [asdict(pair) for pair in told]}
            if others is not None:
                both = retrained(lines, others)
                say(f"\nWhere hidden patches are known, over {both.cases:,} cases:\n\n{retrained_table(both)}")
                record |= {"retrained": asdict(both)}
        return tell_ranking(plain(record), summary, cancel, "the checks are not complete")
