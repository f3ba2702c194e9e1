"""What somebody noted about cases, in a file beside their results: a text and tags for each."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import NotesError, NotSaved, NotWritten
from ..images import display_name
from ..reading import read_json
from ..writing import write_whole


@dataclass(frozen=True)
class Note:
    """What was noted about one case."""

    text: str = ""
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.tags)


def notes_file(results: Path) -> Path:
    """Where the notes on a results file are kept: beside it, by its name."""
    return results.with_name(f"{results.stem}.notes.json")


def read_notes(file: Path) -> dict[str, Note]:
    """Every note by its case's id; none where there is no file. Raises NotesError."""
    try:
        kept = read_json(file)
        return {id_: Note(str(note["text"]), tuple(map(str, note["tags"]))) for id_, note in kept.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotesError(f"The notes in {_shown(file)} cannot be read ({error.strerror}).") from error
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise NotesError(
            f"{_shown(file)} holds no notes, or damaged ones, and is left as it is. Move it away to begin anew."
        ) from error


def annotate(file: Path, case: str, note: Note) -> dict[str, Note]:
    """Note something about a case in place of what was noted before (an empty note takes it away), and return all
    notes. What others have noted in the meantime stays.

    The file is replaced in one step, so that it is never half written. Raises NotesError where what is there cannot
    be read, NotSaved where it cannot be written.
    """
    notes = {**read_notes(file), case: note}
    notes = {id_: kept for id_, kept in notes.items() if kept}
    plain = {id_: {"text": kept.text, "tags": list(kept.tags)} for id_, kept in notes.items()}
    text = json.dumps(plain, ensure_ascii=False, indent=1)
    try:
        write_whole(file, text.encode("utf-8", "replace"))
    except NotWritten as error:
        elsewhere = _elsewhere(file)
        raise NotSaved(
            f"The note could not be saved in {file.parent} ({error.why}). Give yourself the right to write there, "
            f"or save it in {elsewhere}. The notes before are as they were.",
            elsewhere,
        ) from error
    return notes


def _elsewhere(file: Path) -> Path:
    """A place of the same name in the home folder, or where there is none, in the one for temporary files."""
    try:
        home = Path.home()
    except RuntimeError:
        home = Path(tempfile.gettempdir())
    folder = home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    return folder / "sightline-notes" / file.name


def _shown(file: Path) -> str:
    return display_name(file.name)
