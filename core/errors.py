"""What may go wrong and is told to a person. The sentence of each error says what happened, what was kept where
something could be lost, and what to do; so whoever shows errors catches one kind, and shows str(error).

What is a wrong value of an argument, too, is a ValueError as well.
"""

from __future__ import annotations

from pathlib import Path


class SightlineError(Exception):
    """The base of all of them. str(error) is a sentence for the screen."""


class UnknownName(SightlineError, ValueError):
    """There is no method, fill, layer or the like of this name or number."""


class SettingsError(SightlineError, ValueError):
    """A setting out of its range, or settings that do not go together."""


class WrongOption(SightlineError, ValueError):
    """An option of a command that means nothing here."""


# Models and questions


class ModelUnavailable(SightlineError):
    """A model that cannot be used."""


class UnreadableImage(SightlineError):
    """A picture that cannot be used."""


class UnreadableVideo(SightlineError):
    """A video that cannot be used."""


class WrongMask(SightlineError, ValueError):
    """A mask that does not fit its picture, or marks nothing of it."""


class UnreadableRecipe(SightlineError, ValueError):
    """A scene that cannot be drawn."""


class QuestionError(SightlineError, ValueError):
    """A question that cannot be asked."""


class EmptyQuestion(QuestionError):
    """There are no words to answer."""


class MisplacedImage(QuestionError):
    """A picture cannot stand where it is put in a question."""


class TemplateRefuses(QuestionError):
    """The model's chat template, a program of its own, refuses or fails on a conversation."""


class QuestionTooLong(QuestionError):
    """Question, history and image do not fit into the model's context."""


class UnusableImage(QuestionError):
    """The model's processor cannot take a picture of this shape."""


class UnusableVideo(QuestionError):
    """The model takes no video, or not this one."""


class ImageMissing(QuestionError):
    """The model's processor takes no question without a picture."""


class NoNumbers(SightlineError):
    """A model's output is no number, or the same for every word: nothing can be answered nor explained."""


# Explaining an answer


class ExplainError(SightlineError, ValueError):
    """An explanation that cannot be had."""


class OtherModel(ExplainError):
    """The answer was given by a model that is not the one loaded."""


class NotApplicable(ExplainError):
    """This method has nothing to say about this answer or target."""


class NotShown(NotApplicable):
    """What a model does not show of itself, and why. Its sentence is that alone: whoever knows the answer adds what can
    be had all the same (`core.vlm.instead`). `gradients`: they, at least, are to be had."""

    def __init__(self, sentence: str, *, gradients: bool = True) -> None:
        super().__init__(sentence)
        self.gradients = gradients


class NotEnoughMemory(ExplainError):
    """The estimate does not fit into the free memory."""


class MisshapenFigure(ExplainError):
    """A mechanism gave a figure that does not fit the model or the answer: a mistake in its file."""


class CausalError(ExplainError):
    """A causal graph, or a test of one, that cannot be had."""


class NotComparable(SightlineError, ValueError):
    """Two maps whose patches are not the same places, or two runs that have no case in common."""


# Files and workers


class FolderError(SightlineError):
    """A folder or table from which no case can be read."""


class FolderNotOpen(FolderError):
    """A folder or file that a dashboard was not opened to."""


class JournalError(SightlineError):
    """A file of results that cannot be used."""


class LineNotKept(JournalError):
    """A finished line that could not be written; those before it are kept."""


class OtherRun(JournalError):
    """The file holds results that must not be mixed with these."""


class DecisionsError(JournalError):
    """Decisions about answers that cannot be read or kept; their file is left as it is."""


class NotesError(SightlineError):
    """Notes that cannot be read; their file is left as it is."""


class NotSaved(SightlineError):
    """Notes that could not be written. `elsewhere` is a place that can be written to."""

    def __init__(self, sentence: str, elsewhere: Path) -> None:
        super().__init__(sentence)
        self.elsewhere = elsewhere


class NotWritten(SightlineError):
    """A file that could not be written; what was there before is as it was. `why` is the system's reason."""

    def __init__(self, sentence: str, why: str = "") -> None:
        super().__init__(sentence)
        self.why = why


class RunError(SightlineError):
    """A run that cannot be kept, found or changed."""


class RunDamaged(RunError):
    """Something of a run that cannot be read as it was written."""


class RunOfAnotherVersion(RunDamaged):
    """Something of a run that a later version wrote: it is left as it is."""


class RunBusy(RunError):
    """A run that somebody else keeps at this moment."""


class NeedsItsModel(ExplainError):
    """What only the model that gave an answer could tell, and which is not there."""


class WorkersUnavailable(SightlineError):
    """Workers that cannot be had, or were lost."""


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
