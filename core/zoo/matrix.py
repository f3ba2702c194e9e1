"""The support matrix: what holds for each model type that `transformers` maps, as a page of docs/.

The page is all there is of it: what was tried elsewhere, with packages that are not here, is read from it and kept.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from ..errors import SightlineError
from ..vlm.hf.families.registry import families
from .checks import CHECKS, subject
from .recipe import Recipe
from .registry import recipes
from .wrong import NotTried, Wrong

OK, REFUSED, NOT_TRIED, WRONG = "ok", "refused", "not tried", "wrong"
COLUMNS = tuple(CHECKS)
_CELL = re.compile(r"(ok|refused|not tried|wrong)(?: \[(\d+)\])?")
_NOTE = re.compile(r"(\d+)\. (.+)")


@dataclass(frozen=True)
class Cell:
    """What a check said of a model: its verdict, and the sentence with which it is refused or what came out wrong."""

    verdict: str
    note: str = ""


Row = Mapping[str, Cell]
"""The cells of a model by their columns."""


def names() -> tuple[str, ...]:
    """Every row: the model types that `transformers` maps, and the further kinds of one that the zoo has."""
    return tuple(sorted({*MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *recipes()}))


def lacking(name: str) -> tuple[str, ...]:
    """The packages that a tiny model needs and that are not here."""
    needed = recipes()[name]().needs if name in recipes() else ()
    return tuple(package for package in needed if importlib.util.find_spec(package) is None)


def try_row(name: str, folder: Path) -> Row:
    """Build a tiny model and hold every check against it, in a folder of its own below `folder`."""
    if name not in recipes():
        return {column: Cell(NOT_TRIED) for column in COLUMNS}
    recipe: Recipe = recipes()[name]()
    try:
        built = subject(recipe, folder / f"tiny-{name.replace(' ', '-')}")
    except SightlineError as error:
        return {column: Cell(REFUSED, str(error)) for column in COLUMNS}
    cells = {}
    for column, check in CHECKS.items():
        try:
            check(built)
            cells[column] = Cell(OK)
        except SightlineError as error:
            cells[column] = Cell(REFUSED, str(error))
        except NotTried as error:
            cells[column] = Cell(NOT_TRIED, str(error))
        except Wrong as error:
            cells[column] = Cell(WRONG, str(error))
        except Exception as error:  # a fault of a check is as good as a wrong result, and the other rows go on
            cells[column] = Cell(WRONG, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return cells


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """How many rows there are, how many were tried, and in how many each column is ok."""
    rows = list(rows)
    tried = [row for row in rows if any(cell.verdict != NOT_TRIED for cell in row.values())]
    return {
        "models": len(rows),
        "tried": len(tried),
        **{column: sum(row[column].verdict == OK for row in rows) for column in COLUMNS},
    }


def write(rows: Mapping[str, Row]) -> str:
    """The page: a table of all rows, and below it what its numbers say."""
    notes: dict[str, int] = {}
    table = []
    for name in names():
        row = rows.get(name, {})
        if all(cell.verdict == NOT_TRIED for cell in row.values()):
            row = {column: Cell(NOT_TRIED) for column in COLUMNS}
        cells = []
        for column in COLUMNS:
            cell = row[column]
            number = notes.setdefault(cell.note, len(notes) + 1) if cell.note else None
            cells.append(cell.verdict + ("" if number is None else f" [{number}]"))
        table.append(f"| `{name}` | {_described(name)} | {' | '.join(cells)} |")
    counts = counted([rows[name] for name in names() if name in rows])
    lines = [
        HEAD.format(types=len(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES), tried=counts["tried"]),
        f"| model type | family | {' | '.join(COLUMNS)} |",
        "|---" * (len(COLUMNS) + 2) + "|",
        *table,
        "",
        "## What the numbers say",
        "",
        *(f"{number}. {note}" for note, number in notes.items()),
    ]
    return "\n".join(lines) + "\n"


def read(page: str) -> dict[str, Row]:
    """The rows of a page. Raises ValueError for one that has other columns."""
    notes = {match[1]: match[2] for line in page.splitlines() if (match := _NOTE.fullmatch(line))}
    rows: dict[str, Row] = {}
    for line in page.splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")]
        if not line.startswith("| `"):
            continue
        if len(parts) != len(COLUMNS) + 2:
            raise ValueError(f"a row of {len(parts)} cells: the page is of another version")
        cells = {}
        for column, part in zip(COLUMNS, parts[2:], strict=True):
            match = _CELL.fullmatch(part)
            if match is None:
                raise ValueError(f"{part!r} is no verdict")
            cells[column] = Cell(match[1], notes[match[2]] if match[2] else "")
        rows[parts[0].strip("`")] = cells
    return rows


def _described(name: str) -> str:
    """The family that describes a model type, with the kind of tower that a row is of where that matters."""
    model_type, _, kind = name.partition(" ")
    claims = [family for family in families().values() if model_type in family.model_types]
    special = next((family.name for family in claims if kind in family.vision_types), None)
    return special or next((family.name for family in claims if not family.vision_types), "")


HEAD = """# Which models

Every one of the {types} image-text-to-text model types that `transformers` maps has a row; {tried} models were tried,
each a tiny random one of its architecture, saved to a folder and loaded as any model is (`core/zoo`).
`sightline families --check --matrix docs/support-matrix.md` writes this page.

Each column holds to something that knows nothing of Sightline:

- **asks like generate**: words alone, a picture, very wide and very tall ones, and a turn that follows over a kept
  prefix get the tokens and log-probabilities of `generate`; **two pictures** and the frames of a **video** as well.
- **replay**: a teacher-forced pass gives an answer's log-probabilities again.
- **rows**, **causal graph**: attention rows, and correlations made of them, are those of written-out attention.
- **grid**: strips of light over pictures of several shapes and sizes are seen by the image tokens whose boxes they
  cross, and by no others, while the tower's tokens see themselves alone; of a convolutional tower, by those most.
- **tower**: the declared places of image tokens in the tower are those through which their gradients go.
- **relevancy**: the literal product of whole matrices. **knockout**: scores set to minus infinity.
- **occlusion**: the drop is that of a masked picture. **log-probability increase**: what layers are given, look at and
  add is what they are given, look at and add. **lens**: the last layer is read as the model's prediction.
- **4 bit**: loaded in 4 bit, a model answers as one that `transformers` loads so.

*refused* stands for a sentence with what to do, *not tried* for nothing known; a number says more, below.
"""
