"""What a remedy is: a way to have a question answered again that is meant to ground the answer in the picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..answer import Answer, Box
from ..errors import NotApplicable
from ..settings import NoSettings
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes

Progress = Callable[[float], None]
Ask = Callable[..., Answer]


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of a remedy: the new answer; in `note`, a sentence, what was done in this case; in `says` what the
    answer says to the question as it was asked first, where the remedy asked another one (None: its text); the `region`
    of the first picture that was cropped, highlighted or removed, in its pixels; and what it really cost, where that is
    only known afterwards."""

    answer: Answer
    note: str
    says: str | None = None
    region: Box | None = None
    passes: Passes | None = None


@dataclass(frozen=True, eq=False)
class Remedied:
    """A remedy beside the answer that it was to mend.

    `answer` is None where it could not be applied, and `note` is then the reason. `logprob` is the new text's
    log-probability (nats) as the unmodified model's answer to the question as it was asked first; `passes` are the
    forward passes over the original sequence that the remedy took, without those of measuring it; `seconds` what it
    took here.
    """

    remedy: str
    settings: Mapping[str, object]
    answer: Answer | None
    note: str
    says: str = ""
    logprob: float | None = None
    passes: float = 0.0
    seconds: float = 0.0
    region: Box | None = None


class Remedy(ABC):
    """One way. The class docstring's first paragraph describes it on screen and names its paper.

    `key` names it in settings and files, `name` on screen; `caveat` is the line that stands beside its answers: what
    its change does not tell. `order` places it among the others.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    caveat: ClassVar[str]
    order: ClassVar[int] = 50
    Settings: ClassVar[type[Any]] = NoSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        """Why it cannot be applied to this answer, as a sentence that says what to do; None when it can, as far as is
        known before it is tried."""
        return None if answer.question.images else "The question has no picture to be grounded in. Ask about one."

    @abstractmethod
    def passes(self, model: VisionLanguageModel, answer: Answer, settings: Any) -> Passes:
        """What it costs at most, in forward passes over the answer's sequence."""

    @abstractmethod
    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: Any,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        """Have the answer's question answered again. Nothing may be left on the model, whatever is raised. Raises
        NotApplicable with a sentence where it turns out that it cannot be applied, and Cancelled."""


def asked(model: VisionLanguageModel, *args: Any, cancel: CancelToken, **kwargs: Any) -> Answer:
    """`ask`, whose answer is whole. Raises Cancelled where it was stopped, and NotApplicable where nothing is said."""
    answer = ask(model, *args, cancel=cancel, keep_attention=False, **kwargs)
    cancel.check()
    if not answer.tokens:
        raise NotApplicable("The model says nothing then. Lower the strength.")
    return answer


ONCE = Passes(forward=1)
"""Asking once more: the prompt and the answer's tokens are read, as by one pass over the whole sequence."""
