"""What was asked, and about what, as it is written on screen."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Question
from ...clips import Clip
from ..state.workspace import NamedImage


def in_words(question: Question) -> str:
    """The text of a question, on screen: with the number of each picture and video where it stands among the words."""
    if not question.images_at or question.history:
        return question.text
    parts = question.first_parts
    marks = ["⟨video⟩" if isinstance(visual, Clip) else f"⟨picture {visual + 1}⟩" for visual in question.visuals]
    return "".join(f"{part}{mark} " for part, mark in zip(parts, marks, strict=False)) + parts[-1]


def kind_of(images: Sequence[NamedImage]) -> str:
    """What somebody asks about, in a word."""
    videos = sum(image.video is not None for image in images)
    if 0 < videos < len(images):
        return "pictures and videos"
    return f"{'video' if videos else 'picture'}{'s' if len(images) > 1 else ''}"
