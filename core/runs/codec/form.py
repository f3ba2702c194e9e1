"""What a form is, what it writes into and what it reads from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from torch import Tensor

from ...answer import Answer
from ...errors import RunDamaged

Plain = Any
"""What JSON holds: None, bool, int, float, str, lists and dictionaries of them."""


class Broken(Exception):
    """A value that is not as its type hint says; str(error) is the rest of a sentence about the file."""


def no_pictures(image: Image.Image) -> str:
    raise TypeError("there is no place to keep pictures")


def no_picture(name: str) -> Image.Image:
    raise RunDamaged("there are no pictures here")


@dataclass(eq=False)
class Out:
    """Where a value is written: `tensors` by name beside the JSON, pictures by what `picture` calls them. Answers in
    `known` are written as their turn's name. `rows`: attention rows of answers are written with them."""

    picture: Callable[[Image.Image], str] = no_pictures
    known: Callable[[Answer], str | None] = lambda answer: None
    rows: bool = True
    tensors: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Given:
    """What a value is read from: the tensors beside the JSON, pictures by name, answers by their turn's name, and what
    models are called by their fingerprints. `picture` and `answer` raise RunDamaged."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    picture: Callable[[str], Image.Image] = no_picture
    answer: Callable[[str], Answer] | None = None
    model: Callable[[str], str] = lambda fingerprint: "the model that gave this answer"


class Form(ABC):
    """How values of one type are written and read. `name` tells it apart from the others of a union."""

    name: str

    @abstractmethod
    def fits(self, value: object) -> bool:
        """Whether a value is of this type; of what it is made is not looked at."""

    @abstractmethod
    def encode(self, value: Any, out: Out) -> Plain:
        """The value in plain values. Raises TypeError for one that is not of this type: a mistake of the program."""

    @abstractmethod
    def decode(self, plain: Plain, given: Given) -> Any:
        """The value again. Raises Broken, and what `given` raises."""

    def parts(self) -> Iterable[Form]:
        """The forms of what values of this type are made of."""
        return ()

    def check(self, value: object) -> None:
        """Raises TypeError for a value of another type."""
        if not self.fits(value):
            raise TypeError(f"{self.name} was to be kept, and it is a {type(value).__name__}")
