"""What was computed about answers, a piece each, found by what it is of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RunDamaged
from .codec.form import Given, Out
from .codec.hints import form_of
from .kinds import RunKind
from .pieces import Piece, decoded, read_json, read_piece, write_piece

FOLDER = "results"
Result = TypeVar("Result")


@dataclass(frozen=True)
class About:
    """What a result is of. `answer` is the answer's id, `model` its model's fingerprint; `about` the target, the
    method, its settings and whatever else decides it, with dataclasses as mappings of their fields. `made` is when, in
    seconds since 1970, `seconds` how long it took, `version` Sightline's."""

    kind: str
    answer: str
    model: str
    about: Mapping[str, object]
    made: float
    seconds: float | None
    version: str


ABOUT = form_of(About)


@dataclass(frozen=True, eq=False)
class KeptResult:
    """A result that is on disk; `load` reads it. Raises RunDamaged then."""

    name: str
    what: About
    load: Callable[[], Any]


class Results:
    """Those in the folder of a run."""

    def __init__(self, run: Path, given: Given, broken: Callable[[str], None]) -> None:
        self._folder, self._given, self._broken = run / FOLDER, given, broken
        self._known: dict[str, About] | None = None
        self._lock = threading.RLock()

    def keep(self, kind: RunKind[Result], name: str, what: About, result: Result, out: Out) -> None:
        """Keep a result in place of a former one of this name. Raises NotWritten."""
        content = {"about": ABOUT.encode(what, out), "result": kind.form.encode(result, out)}
        with self._lock:
            write_piece(self._folder, name, "result", content, out.tensors)
            if self._known is not None:
                self._known[name] = what

    def read(self, kind: RunKind[Result], name: str) -> tuple[Result, About] | None:
        """A result and what it is of; None where there is none. Raises RunDamaged."""
        if not (self._folder / f"{name}.json").exists():
            return None
        piece = read_piece(self._folder, name, "result")
        what, plain = _parts(piece.content, name)
        if what.kind != kind.name:
            raise RunDamaged(f"{name}.json is damaged: it holds a result of another kind.")
        body = Piece(plain, piece.tensors)
        result: Result = decoded(kind.form, body, replace(self._given, tensors=piece.tensors), f"{name}.json")
        return result, what

    def forget(self, name: str) -> None:
        """Remove a result, if it is there."""
        with self._lock:
            (self._folder / f"{name}.json").unlink(missing_ok=True)
            for file in self._folder.glob(f"{name}.*.safetensors"):
                file.unlink(missing_ok=True)
            if self._known is not None:
                self._known.pop(name, None)

    def all(self) -> dict[str, About]:
        """What all results are of, by name, the first made first. Those that cannot be read are told to `broken`."""
        with self._lock:
            if self._known is None:
                self._known = {}
                for file in sorted(self._folder.glob("*.json")):
                    try:
                        content = read_json(self._folder, file.stem, "result")["content"]
                        self._known[file.stem] = _parts(content, file.stem)[0]
                    except RunDamaged as error:
                        self._broken(f"{error} The result in it is lost.")
            return dict(sorted(self._known.items(), key=lambda item: item[1].made))


def _parts(content: Any, name: str) -> tuple[About, Any]:
    if not isinstance(content, dict) or set(content) != {"about", "result"}:
        raise RunDamaged(f"{name}.json is damaged: it holds no result.")
    return decoded(ABOUT, Piece(content["about"], {}), Given(), f"{name}.json"), content["result"]
