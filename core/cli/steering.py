"""`sightline steer`: does what a probe reads turn the answer?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..cases.journal import check_journal
from ..cases.knowing.run import KIND as PROBES
from ..cases.plain import plain, write_plain
from ..cases.steering.run import KIND, run_steering
from ..cases.steering.table import steering_table
from ..cases.steering.verdict import RULE, sentence, verdict
from ..cases.street import FAMILIES
from ..probes.states import LAST
from ..probes.steering import DOSES
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .console import Exit, bar, emit, say, stoppable
from .probes import cases_of


def run(
    spec: ModelSpec,
    folder: Path | None,
    form: str | None,
    family: str,
    label: str | None,
    number: int | None,
    places: tuple[str, str],
    probes: Path,
    direction_from: Path | None,
    strengths: Sequence[float] | None,
    out: Path,
    summary: Path | None,
    command: str,
) -> Exit:
    """Go on with the pushes in `out`, and tell what the rule says; `summary` is written with all of it."""
    check_journal(probes, PROBES)
    check_journal(out, KIND)
    others = [one for one in FAMILIES if one != family] if folder is None and places[1] == LAST else []
    found_at, at = places
    with reserved(summary, beside=[out, probes, direction_from]):
        labelled, of, name, deciding = cases_of(folder, form, family, label, number)
        model = load(spec)
        with stoppable() as cancel, bar("steering") as progress:
            found = run_steering(
                model,
                labelled,
                probes,
                out,
                of=of,
                label=name,
                decides=deciding,
                found_at=found_at,
                at=at,
                others=others,
                direction_from=direction_from,
                strengths=strengths or DOSES,
                progress=progress,
                cancel=cancel,
            )
        say(RULE)
        say(steering_table(found))
        say(f"{verdict(found).capitalize()}. {sentence(found)}")
        record = plain({"command": command, **asdict(found)})
        try:
            if summary is not None:
                write_plain(record, summary)
        finally:
            for one in record["doses"]:
                emit(one)
            left_out = ("doses", "vectors")
            emit({**{key: value for key, value in record.items() if key not in left_out}, "verdict": verdict(found)})
    return Exit.DONE
