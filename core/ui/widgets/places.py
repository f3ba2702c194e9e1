"""Where image tokens are in the pictures of an answer, or why that is not known, in the words of every page."""

from __future__ import annotations

from ...answer import Answer, TokenKind
from ...geometry import images_name, place_in, several_views


def why_no_places(answer: Answer) -> str:
    """The beginning of a sentence about an answer whose layout has no views."""
    if answer.layout.unplaced:
        return answer.layout.unplaced
    if answer.question.images:
        return "Where this model's image tokens are in the picture is not known"
    return "This question was asked without a picture"


def place_of(answer: Answer, position: int) -> str:
    """An image token's row and column, counted from 1, with its view and its picture or frames where there are several;
    its number where it has no place."""
    place = place_in(answer.layout, position)
    if place is None:
        return f"number {answer.layout.positions(TokenKind.IMAGE).index(position) + 1}"
    view, row, column = place
    part = f" of {view.name}" if several_views(answer.layout, view.image) else ""
    image = f" of {images_name(answer.question, view.images)}" if len(answer.question.images) > 1 else ""
    return f"row {row} column {column}{part}{image}"
