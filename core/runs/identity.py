"""What runs, answers and results are called."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from weakref import WeakKeyDictionary

from ..answer import Answer
from ..errors import RunError
from .codec.anything import as_plain
from .files import as_json

_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
_answer_ids: WeakKeyDictionary[Answer, str] = WeakKeyDictionary()


def new_run_id(now: float | None = None) -> str:
    """A name for a run, by which runs sort by when they were begun: "20260131-235959-0a1b2c", in UTC."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"


def is_run_id(name: str) -> bool:
    """Whether a run can be called so."""
    return _RUN.fullmatch(name) is not None


def check_run_id(name: str) -> str:
    """A run's name, as it may come from an address: it cannot lead anywhere else. Raises RunError."""
    if not is_run_id(name):
        raise RunError(f"{name[:40]!r} is no run. Choose one of the list.")
    return name


def new_turn_id(now: float | None = None) -> str:
    """A name for a turn, by which turns sort by when they were asked."""
    return f"{int((time.time() if now is None else now) * 1000):013d}-{secrets.token_hex(3)}"


def answer_id(answer: Answer) -> str:
    """What an answer is, by content: model, question and tokens. Hashing the pictures takes a while, so it is done
    once."""
    if answer not in _answer_ids:
        _answer_ids[answer] = content_id(answer.model, answer.question.fingerprint(), answer.token_ids)
    return _answer_ids[answer]


def content_id(model: str, question: str, tokens: tuple[int, ...]) -> str:
    """The same, of the answer by this model (its fingerprint) with these tokens to the question of this fingerprint."""
    return hashlib.sha256(repr((model, question, tokens)).encode()).hexdigest()[:32]


def readable(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a result is of, in values that can be read again: dataclasses as mappings of their fields."""
    return {name: _fields(value) for name, value in about.items()}


def result_name(kind: str, answer: str, about: Mapping[str, Any]) -> str:
    """What a result's files are called: the same for the same kind, answer (its id) and `about`, whatever the order.
    Raises TypeError for what cannot be kept."""
    ordered = [[name, as_plain(value)] for name, value in sorted(readable(about).items())]
    return f"{kind}-{hashlib.sha256(as_json([answer, ordered])).hexdigest()[:32]}"


def _fields(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _fields(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: _fields(value[name]) for name in sorted(value)}
    return tuple(_fields(item) for item in value) if isinstance(value, list | tuple) else value
