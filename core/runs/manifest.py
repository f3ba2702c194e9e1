"""What a run says of itself in one small file: enough to list, search and open it."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..answer import Target
from ..version import __version__
from ..vlm.model import ModelCard
from ..vlm.spec import ModelSpec
from .codec.hints import form_of
from .limits import LONGEST_TITLE

SHOWN = 4000
"""Characters of a question and of an answer that the manifest repeats."""
Why = Literal["edited", "cleared", "restored"]


@dataclass(frozen=True)
class TurnSummary:
    """A turn in words. `made` is when it was asked, in seconds since 1970; `answer` is None while there is none and
    where there was none, `model` the fingerprint of whose it is and `tokens` how many it has; `pictures` are named as
    in the run's folder, each frame of a video by itself."""

    id: str
    made: float
    question: str
    pictures: tuple[str, ...] = ()
    answer: str | None = None
    answer_id: str | None = None
    model: str | None = None
    tokens: int = 0


@dataclass(frozen=True)
class Branch:
    """A conversation that was left: all its turns by their ids, from the first on."""

    id: str
    made: float
    why: Why
    path: tuple[str, ...]


@dataclass(frozen=True)
class KeptModel:
    """A model that answered, and how it can be loaded again, where that is known."""

    card: ModelCard
    spec: ModelSpec | None = None


@dataclass(frozen=True)
class Manifest:
    """`title` is empty until somebody gives one. `turns` are all that were ever asked, `path` those of the present
    conversation in their order; `targets` are what is being explained, by turn. `place` is where one was in pages, as
    these have it. `versions` are of what made the run when it was begun."""

    id: str
    created: float
    changed: float
    title: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    models: tuple[KeptModel, ...] = ()
    turns: tuple[TurnSummary, ...] = ()
    path: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    targets: Mapping[str, Target] = field(default_factory=dict)
    place: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_title(self) -> str:
        """The title, or else the first question. Untrusted text."""
        first = self.conversation or self.turns
        return self.title or (first[0].question[:LONGEST_TITLE] if first else "Nothing asked yet")

    @property
    def conversation(self) -> tuple[TurnSummary, ...]:
        """The turns of the present conversation."""
        by_id = {turn.id: turn for turn in self.turns}
        return tuple(by_id[id_] for id_ in self.path if id_ in by_id)

    @property
    def first_picture(self) -> str | None:
        """The first picture that was asked about, by name."""
        return next((turn.pictures[0] for turn in self.turns if turn.pictures), None)

    def model(self, fingerprint: str) -> KeptModel | None:
        """The model of a fingerprint; None where it did not answer here."""
        return next((model for model in self.models if model.card.fingerprint == fingerprint), None)

    def model_name(self, fingerprint: str) -> str:
        """What a model is called in a sentence."""
        known = self.model(fingerprint)
        return f"the model {known.card.name}" if known else "the model that gave this answer"


MANIFEST = form_of(Manifest)


def versions() -> dict[str, str]:
    """The versions of what decides numbers."""
    named = {"sightline": __version__, "python": platform.python_version()}
    for package in ("torch", "transformers", "numpy", "pillow"):
        try:
            named[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return named
