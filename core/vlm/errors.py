"""What can go wrong while loading a model and while asking it, as two kinds of error whose text is for the screen."""

from __future__ import annotations


class ModelUnavailable(Exception):
    """A model that cannot be used. str(error) is a sentence: what happened, and what to do next."""


class QuestionError(ValueError):
    """A question that cannot be asked. str(error) is a sentence for the screen."""


class EmptyQuestion(QuestionError):
    """There are no words to answer."""


class QuestionTooLong(QuestionError):
    """Question, history and image do not fit into the model's context."""


class UnusableImage(QuestionError):
    """The model's processor cannot take a picture of this shape."""


class PictureMissing(QuestionError):
    """The model's processor takes no question without a picture."""
