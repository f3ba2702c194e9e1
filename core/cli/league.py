"""`sightline league`: how the methods stand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..cases.journal import check_journal
from ..cases.league import KIND, expected, run_league
from ..cases.league_table import table
from ..vlm.model import VisionLanguageModel
from ..writing import reserved
from .asking import Staff
from .completed import tell_ranking
from .console import Exit, bar, say, say_forecast, stoppable


def run(
    staff: Staff,
    out: Path,
    cases: int,
    methods: Sequence[str] | None,
    families: Sequence[str] | None,
    summary: Path | None,
) -> Exit:
    """Go on with the league in `out`, and tell how the methods stand; `summary` is written when it is complete."""
    check_journal(out, KIND)
    with reserved(summary, beside=[out]):
        return _run(staff, out, cases, methods, families, summary)


def _run(
    staff: Staff,
    out: Path,
    cases: int,
    methods: Sequence[str] | None,
    families: Sequence[str] | None,
    summary: Path | None,
) -> Exit:
    with stoppable() as cancel, bar("league") as progress, staff.at_work(cancel) as who:
        if isinstance(who, VisionLanguageModel):
            told = expected(who, cases, methods, families)
            say_forecast(told, "The league", "What is finished is kept; fewer cases or methods take less.")
        league = run_league(who, out, cases, methods, families, progress, cancel)
    say(table(league))
    if league.not_told_apart:
        say(league.not_told_apart)
    options = [f"--cases {cases}", *(f"--method {key}" for key in methods or ())]
    options += [*(f'--family "{name}"' for name in families or ()), f"--out {out}"]
    options += [f"--summary {summary}"] if summary else []
    record = league.record(f"sightline league {' '.join(options)}")
    return tell_ranking(record, summary, cancel, "the league is not complete")
