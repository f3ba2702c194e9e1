"""The work of the commands about runs that are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..runs.budget import StoreLimits
from ..runs.bundle import export_bundle, import_bundle
from ..runs.info import RunInfo
from ..runs.manifest import TurnSummary
from ..runs.search import matching
from ..runs.store import RunStore
from ..vlm.memory import readable_bytes
from ..writing import reserved
from .console import Exit, emit, say

GIGABYTE = 10**9


def listed(data: Path | None, search: str, trash: bool, over: bool) -> None:
    """A line for each run."""
    store = RunStore(data)
    why = {proposal.run.id: proposal.why for proposal in store.proposed()} if over else {}
    runs = store.trash() if trash else store.list()
    for run in matching(runs, search):
        if not over or run.id in why:
            emit({**told(run), **({"why": why[run.id]} if over else {})})


def shown(data: Path | None, id_: str, check: bool) -> Exit:
    """One line about a run; what is broken in it to people."""
    store = RunStore(data)
    with store.open(id_, only_look=True) as run:
        results = run.results()
        damage = run.check() if check else tuple(run.damage)
        emit(
            {
                **told(store.info(id_)),
                "notes": run.manifest.notes,
                "versions": dict(run.manifest.versions),
                "turns": [turn_told(turn) for turn in run.conversation],
                "branches": [{"id": one.id, "why": one.why, "turns": list(one.path)} for one in run.manifest.branches],
                "results": [
                    {
                        "kind": result.what.kind,
                        "answer": result.what.answer,
                        "about": dict(result.what.about),
                        "made": moment(result.what.made),
                        "seconds": result.what.seconds,
                    }
                    for result in results
                ],
                "damage": list(damage),
            }
        )
    for sentence in damage:
        say(sentence)
    return Exit.INCOMPLETE if damage else Exit.DONE


def exported(data: Path | None, id_: str, file: Path) -> None:
    """Write a bundle, and tell its size."""
    with reserved(file), RunStore(data).open(id_, only_look=True) as run:
        export_bundle(run, file)
    emit({"run": id_, "file": str(file), "bytes": file.stat().st_size})


def taken_in(data: Path | None, file: Path) -> Exit:
    """Take in a bundle, and tell what the run is called here."""
    id_, damage = import_bundle(RunStore(data), file)
    emit({"run": id_, "damage": list(damage)})
    for sentence in damage:
        say(sentence)
    return Exit.INCOMPLETE if damage else Exit.DONE


def deleted(data: Path | None, id_: str) -> None:
    """Move a run to the trash."""
    RunStore(data).delete(id_)
    say(f"{id_} is in the trash. `sightline runs undelete {id_}` brings it back.")


def undeleted(data: Path | None, id_: str) -> None:
    """Bring a run back."""
    store = RunStore(data)
    store.undelete(id_)
    emit(told(store.info(id_)))


def limited(data: Path | None, days: float | None, gigabytes: float | None, none: bool) -> None:
    """Set limits where some are given, and tell those that hold; what is not given stays."""
    store = RunStore(data)
    before = store.limits
    if none:
        store.set_limits(StoreLimits())
    elif days is not None or gigabytes is not None:
        allowed = before.bytes if gigabytes is None else int(gigabytes * GIGABYTE)
        store.set_limits(StoreLimits(before.days if days is None else days, allowed))
    now, over = store.limits, store.proposed()
    emit({"days": now.days, "bytes": now.bytes, "used": store.size(), "over": [one.run.id for one in over]})
    if over:
        freed = readable_bytes(sum(one.run.bytes for one in over))
        runs = "1 run goes" if len(over) == 1 else f"{len(over)} runs go"
        say(f"{runs} beyond the limits ({freed}). Nothing is deleted.")


def told(run: RunInfo) -> dict[str, Any]:
    """A run in a line."""
    about = run.manifest
    return {
        "run": run.id,
        "title": run.title,
        "created": moment(run.created),
        "changed": moment(run.changed),
        "models": list(run.models),
        "tags": list(about.tags) if about else [],
        "questions": len(about.conversation) if about else None,
        "bytes": run.bytes,
        "trouble": run.trouble,
    }


def turn_told(turn: TurnSummary) -> dict[str, Any]:
    """A turn in a line."""
    return {
        "id": turn.id,
        "asked": moment(turn.made),
        "question": turn.question,
        "answer": turn.answer,
        "answer_id": turn.answer_id,
        "model": turn.model,
        "pictures": len(turn.pictures),
    }


def moment(seconds: float) -> str | None:
    """A time as others read it, in UTC; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None
