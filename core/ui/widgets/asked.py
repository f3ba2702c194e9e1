"""What was asked, as it is written on screen."""

from __future__ import annotations

from ...answer import Question


def in_words(question: Question) -> str:
    """The text of a question, on screen: with the number of each picture where it stands among the words."""
    if not question.images_at or question.history:
        return question.text
    parts = question.first_parts
    return "".join(f"{part}⟨picture {number}⟩ " for number, part in enumerate(parts[:-1], 1)) + parts[-1]
