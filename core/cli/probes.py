"""`sightline probes`: what can be read off a model's states, beside what it says."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ..cases.formats.registry import read_folder
from ..cases.journal import check_journal
from ..cases.knowing.labels import ANSWER, Labelled, decides, drawn, of_folder
from ..cases.knowing.run import CASES, KIND, expected, run_probes
from ..cases.knowing.table import probes_table
from ..cases.knowing.verdict import RULE, sentence, verdict
from ..cases.plain import plain, write_plain
from ..probes.states import Where
from ..vlm.loading import ModelSpec
from ..writing import reserved
from .asking import load
from .console import Exit, bar, emit, say, say_forecast, stoppable


def cases_of(
    folder: Path | None, form: str | None, family: str, label: str | None, number: int | None
) -> tuple[list[Labelled], str, str, bool]:
    """The cases, of what they are, the label's name, and whether it decides the right answers. Raises FolderError,
    UnknownName."""
    if folder is None:
        name = family if label is None else label
        return list(drawn(family, name, number or CASES)), f"drawn streets: {family}", name, decides(family, name)
    format_, found = read_folder(folder, form)
    for problem in found.problems:
        say(problem)
    name = ANSWER if label is None else label
    labelled = list(of_folder(found.cases, name))[: number or None]
    return labelled, f"{format_.key}: {folder.resolve()}", name, decides("", name)


def run(
    spec: ModelSpec,
    folder: Path | None,
    form: str | None,
    family: str,
    label: str | None,
    number: int | None,
    where: Where,
    out: Path,
    summary: Path | None,
    command: str,
) -> Exit:
    """Go on with the states in `out`, probe them, and tell what the rule says; `summary` is written with all of it."""
    check_journal(out, KIND)
    with reserved(summary, beside=[out]):
        labelled, of, name, deciding = cases_of(folder, form, family, label, number)
        model = load(spec)
        say_forecast(expected(model, len(labelled)), "Probing", "What is finished is kept; fewer cases take less.")
        with stoppable() as cancel, bar("probes") as progress:
            found = run_probes(
                model,
                labelled,
                out,
                of=of,
                label=name,
                decides=deciding,
                where=where,
                progress=progress,
                cancel=cancel,
            )
        say(RULE)
        say(probes_table(found))
        say(f"{verdict(found).capitalize()}. {sentence(found)}")
        record = plain({"command": command, **asdict(found)})
        try:
            if summary is not None:
                write_plain(record, summary)
        finally:
            for place in record["places"]:
                emit(place)
            emit({**{key: value for key, value in record.items() if key != "places"}, "verdict": verdict(found)})
    return Exit.DONE
