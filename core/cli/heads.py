"""`sightline heads`: which heads of a model look where the thing is, kept for it."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from ..cases.formats.registry import read_folder
from ..cases.grounding import KIND, RULE, GroundingHeads, find_heads
from ..cases.journal import check_journal
from ..cases.kept_heads import heads_journal, keep_heads
from ..cases.plain import plain
from ..runs.place import data_folder
from .asking import Staff
from .console import Exit, bar, emit, say, stoppable

TOLD = 20


def run_heads(staff: Staff, folder: Path, form: str | None, out: Path | None, number: int, seed: int) -> Exit:
    """Go on with a folder's heads, a line for each of the first, and keep them for the model."""
    format_, found = read_folder(folder, form)
    for problem in found.problems:
        say(problem)
    if out is not None:
        check_journal(out, KIND)
    place = str(folder.resolve())
    with stoppable() as cancel, bar("heads") as progress, staff.at_work(cancel) as who:
        journal = out or heads_journal(data_folder(), who.card.fingerprint, format_.key, place, seed)
        heads = find_heads(
            who,
            found.cases,
            journal,
            name=format_.key,
            folder=place,
            number=number,
            seed=seed,
            progress=progress,
            cancel=cancel,
        )
    for sentence in sentences(heads):
        say(sentence)
    for row in heads.heads[:TOLD]:
        emit(plain(asdict(row)))
    told = {name: value for name, value in asdict(heads).items() if name != "heads"}
    if heads.scored:
        command = f'sightline heads --folder "{folder}" --cases {number}' + (f" --seed {seed}" if seed else "")
        told["file"] = str(keep_heads(heads, data_folder(), command))
    emit(plain({**told, "rule": RULE, "complete": not cancel.cancelled}))
    return Exit.STOPPED if cancel.cancelled else Exit.DONE if heads.scored else Exit.INCOMPLETE


def sentences(found: GroundingHeads) -> list[str]:
    """On how many cases of what, and which heads ground."""
    area = "" if math.isnan(found.area) else f" Masks cover {found.area:.1%} of the picture: chance."
    told = [f"{found.scored:,} of {found.sample:,} cases with a mask were answered right.{area}", RULE]
    told.append(f"Heads that ground: {found.grounding}" if found.grounding else "No head grounds by this rule.")
    return told
