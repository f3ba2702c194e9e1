"""What somebody decided about answers that no rule understands, in a file beside their results.

A decision is about a case's content and the words of its answer: it holds for as long as both are the same, also where
the case is asked again, and for nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import DecisionsError, NotWritten
from ..images import display_name
from ..reading import read_json
from ..writing import write_whole

Decisions = Mapping[tuple[str, str], bool]
"""Whether an answer is right, by its case's fingerprint and what was said."""


@dataclass(frozen=True)
class _Decided:
    case: str
    key: str
    said: str
    right: bool

    @classmethod
    def of(cls, line: Mapping[str, object]) -> _Decided:
        case, key, said, right = (line[name] for name in ("case", "key", "said", "right"))
        if not (isinstance(case, str) and isinstance(key, str) and isinstance(said, str) and isinstance(right, bool)):
            raise ValueError("a decision has texts, and is right or not")
        return cls(case, key, said, right)


def decisions_file(results: Path) -> Path:
    """Where the decisions about a results file are kept: beside it, by its name."""
    return results.with_name(f"{results.stem}.decided.json")


def read_decisions(file: Path) -> dict[tuple[str, str], bool]:
    """Every decision in a file; none where there is no file. Raises DecisionsError."""
    return {(one.key, one.said): one.right for one in _read(file)}


def decide(file: Path, case: str, key: str, said: str, right: bool | None) -> dict[tuple[str, str], bool]:
    """Decide that this answer to a case (its id and fingerprint) is right or not, in place of what was decided before;
    None takes that away. What others have decided in the meantime stays. Returns all decisions.

    The file is replaced in one step. Raises DecisionsError where what is there cannot be read, or nothing be written.
    """
    kept = [one for one in _read(file) if (one.key, one.said) != (key, said)]
    if right is not None:
        kept.append(_Decided(case, key, said, right))
    plain = [vars(one) for one in kept]
    try:
        write_whole(file, json.dumps(plain, ensure_ascii=False, indent=1).encode("utf-8", "replace"))
    except NotWritten as error:
        raise DecisionsError(
            f"The decision could not be saved in {file.parent} ({error.why}). Give yourself the right to write there."
        ) from error
    return {(one.key, one.said): one.right for one in kept}


def _read(file: Path) -> list[_Decided]:
    shown = display_name(file.name)
    try:
        return [_Decided.of(line) for line in read_json(file)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DecisionsError(f"The decisions in {shown} cannot be read ({error.strerror}).") from error
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise DecisionsError(
            f"{shown} holds no decisions, or damaged ones, and is left as it is. Move it away to decide anew."
        ) from error
