"""Reading what a run says of itself, and making it anew from its turns where that is broken or behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import RunDamaged, RunError, RunOfAnotherVersion
from .codec.form import Given
from .files import check_folder
from .manifest import MANIFEST, Manifest
from .pictures import Pictures, picture_name
from .pieces import decoded, read_piece
from .run import MANIFEST_NAME, summary_of
from .turns import kept_turns, read_turn

FOLDERS = ("turns", "results", "pictures", "thumbnails")


def read_manifest(folder: Path) -> Manifest:
    """What a run says of itself. Raises RunDamaged."""
    check_folder(folder)
    piece = read_piece(folder, MANIFEST_NAME, "run")
    manifest: Manifest = decoded(MANIFEST, piece, Given(), f"{MANIFEST_NAME}.json")
    known = {turn.id for turn in manifest.turns}
    if not known.issuperset(manifest.path) or any(not known.issuperset(branch.path) for branch in manifest.branches):
        raise RunDamaged("run.json is damaged: it names turns that it does not have.")
    if any(len(set(path)) < len(path) for path in (manifest.path, [turn.id for turn in manifest.turns])):
        raise RunDamaged("run.json is damaged: it names a turn twice.")
    # A folder that was copied or renamed by hand is called what it is called.
    return replace(manifest, id=folder.name)


def opened(folder: Path) -> tuple[Manifest, tuple[str, ...]]:
    """What a run says of itself, with turns that were kept and not yet entered, and what could not be read. Raises
    RunError where nothing of it can."""
    try:
        check_folder(folder)
        for name in FOLDERS:
            if (folder / name).exists() or (folder / name).is_symlink():
                check_folder(folder, name)
    except RunDamaged as error:
        raise RunError(f"This run cannot be opened: {error}") from error
    damage: list[str] = []
    try:
        manifest = read_manifest(folder)
    except RunOfAnotherVersion:
        raise
    except RunDamaged as error:
        damage.append(f"{error} Title, tags and notes are lost; the turns are in the order in which they were asked.")
        manifest = Manifest(folder.name, 0.0, 0.0)
    entered = {turn.id for turn in manifest.turns}
    given = Given(picture=Pictures(folder).load, answer=None, model=manifest.model_name)
    for id_ in kept_turns(folder):
        if id_ not in entered:
            try:
                turn, _ = read_turn(folder, id_, given)
            except RunDamaged as error:
                damage.append(str(error))
                continue
            summary = summary_of(turn, tuple(picture_name(image) for image in turn.question.images))
            manifest = replace(manifest, turns=(*manifest.turns, summary), path=(*manifest.path, id_))
    if damage and not manifest.turns:
        raise RunError(f"This run cannot be opened: {' '.join(damage)}")
    if not manifest.created:
        made = [turn.made for turn in manifest.turns]
        manifest = replace(manifest, created=min(made), changed=max(made))
    return manifest, tuple(damage)
