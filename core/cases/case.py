"""A case: one question about a picture whose right answer somebody knows.

Drawn streets, published benchmarks and a folder of one's own all become cases; whoever asks, judges, compares or
explains them needs to know nothing else about where they came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..answer import Question
from .mask import Mask

Scoring = Literal["exact", "contains", "yes_no", "yes_unless_no", "choice"]
"""How an answer is held against the expected ones (see `scoring.py`)."""


@dataclass(frozen=True, eq=False)
class Case:
    """`id` is unique in its set. Any of `expected` is right; where there is none, nobody knows.

    `options` are the texts of a multiple choice, in the order of their letters. `images` are files or pictures.
    `about` is what else the source says (a family, a set, a figure). `truth` marks the pixels of the first picture
    that the right answer rests on, where somebody knows, and `mask` says the same without being opened. `problem` is a
    sentence that says why the case cannot be asked, such as a picture that is missing: it is kept, and counted apart.
    """

    id: str
    question: str
    expected: tuple[str, ...]
    scoring: Scoring
    images: tuple[Path | Image.Image, ...] = ()
    options: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    truth: Bool[np.ndarray, "height width"] | None = None
    problem: str | None = None
    mask: Mask | None = None

    def fingerprint(self) -> str:
        """A hash of all that decides the answer and its verdict: a case with another one has to be asked anew.

        Picture files count by name and size, drawn pictures by their pixels.
        """
        digest = hashlib.sha256(
            repr((self.question, self.expected, self.scoring, self.options)).encode("utf-8", "replace")
        )
        for image in self.images:
            if isinstance(image, Image.Image):
                digest.update(f"{image.mode}{image.size}".encode() + image.tobytes())
            else:
                size = image.stat().st_size if image.exists() else -1
                digest.update(f"{image.name}{size}".encode("utf-8", "replace"))
        return digest.hexdigest()[:16]

    def asked(self) -> Question:
        """The question with its pictures opened. Raises UnreadableImage."""
        return Question(self.question, self.images)
