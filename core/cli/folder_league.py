"""`sightline league --folder`: how the methods stand on one's own pictures, kept for the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..cases.folder_league import KIND, expected_here, run_folder_league
from ..cases.folder_standing import FolderLeague
from ..cases.formats.registry import read_folder
from ..cases.journal import check_journal
from ..cases.kept_leagues import journal_of, keep, result_of
from ..cases.league_table import table
from ..errors import QuestionError, UnreadableImage
from ..runs.place import data_folder
from ..vlm.loading import EMBEDDED, EMBEDDED_MODELS, ModelSpec
from ..vlm.model import VisionLanguageModel
from ..writing import reserved
from .asking import Staff
from .completed import tell_ranking
from .console import Exit, bar, say, say_forecast, stoppable


def run_on_folder(
    staff: Staff,
    folder: Path,
    form: str | None,
    out: Path | None,
    number: int,
    seed: int,
    methods: Sequence[str] | None,
    summary: Path | None,
) -> Exit:
    """Go on with the league of a folder, tell how the methods stand, and keep it for the model."""
    format_, found = read_folder(folder, form)
    for problem in found.problems:
        say(problem)
    place = str(folder.resolve())
    if out is not None:
        check_journal(out, KIND)
    with (
        reserved(summary, beside=[out] if out else []),
        stoppable() as cancel,
        bar("league") as progress,
        staff.at_work(cancel) as who,
    ):
        card = who.card
        kept = journal_of(data_folder(), card.fingerprint, format_.key, place, seed)
        journal = out or kept
        if isinstance(who, VisionLanguageModel):
            try:
                told = expected_here(who, found.cases, number, seed, methods)
                say_forecast(told, "The league", "What is finished is kept; fewer cases or methods take less.")
            except (QuestionError, UnreadableImage):
                pass  # the case is told of when its turn comes
        standing = run_folder_league(
            who,
            found.cases,
            journal,
            name=format_.key,
            folder=place,
            number=number,
            seed=seed,
            explainers=methods,
            progress=progress,
            cancel=cancel,
        )
        options = [f'--folder "{folder}"', f"--cases {number}", *([f"--seed {seed}"] if seed else [])]
        options += [*_model(staff.spec), *(f"--method {key}" for key in methods or ())]
        options += [*([f"--out {out}"] if out else []), *([f"--summary {summary}"] if summary else [])]
        command = f"sightline league {' '.join(options)}"
        for sentence in sentences(standing):
            say(sentence)
        if standing.not_understood:
            say(f"`sightline cases decide {journal}` lists what no rule understands, for you to decide once.")
        say(table(standing.league))
        if standing.scored:
            keep(standing, kept, command)
            say(f"Kept in {result_of(kept)}: Relevancy recommends by it for {card.name}.")
        code = tell_ranking(standing.record(command), summary, cancel, "the league is not complete")
    return Exit.INCOMPLETE if code is Exit.DONE and (standing.problems or not standing.scored) else code


def _model(spec: ModelSpec) -> list[str]:
    """The option that names the model; none for the embedded one."""
    own = {known.source: name for name, known in EMBEDDED_MODELS.items()}
    return [] if spec.source == EMBEDDED.source else [f"--model {own.get(spec.source, spec.source)}"]


def sentences(of: FolderLeague) -> list[str]:
    """What stands beside the figures: on how many cases of what, what was left out, and the rule."""
    told = [f"On {of.told}", of.rule]
    if of.wrong:
        unread = f", {of.not_understood:,} of which no rule understands" if of.not_understood else ""
        told.append(f"Answered otherwise than expected, and not scored: {of.wrong:,}{unread}.")
    if of.problems:
        told.append(f"Could not be scored, and are tried again the next time: {of.problems:,} ({of.why})")
    if of.scored and of.league.recommended is None:
        told.append("No method is recommended: each takes too long for a click or fails the known cause.")
    if of.league.not_told_apart:
        told.append(of.league.not_told_apart)
    return told
