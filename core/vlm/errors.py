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


class ImageMissing(QuestionError):
    """The model's processor takes no question without a picture."""


def unimportable(error: ImportError) -> str:
    """A sentence for a package that is missing, or that cannot be used beside the others. `transformers` hides the
    cause behind errors of its own: it is at the end of their chain."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    remedy = "Install Sightline with its requirements again; `sightline doctor` tells what is there"
    if "torchvision" in str(cause):
        remedy = "Install the torchvision that belongs to this torch, from where torch came, or uninstall it"
    return f"What Sightline builds on cannot be imported here ({type(cause).__name__}: {cause}). {remedy}."
