"""Why nothing can be laid over the picture of an answer, in the words of every page."""

from __future__ import annotations

from ...answer import Answer


def why_no_places(answer: Answer) -> str:
    """The beginning of a sentence about an answer whose layout has no views."""
    if answer.question.images:
        return "Where this model's image tokens are in the picture is not known"
    return "This question was asked without a picture"
