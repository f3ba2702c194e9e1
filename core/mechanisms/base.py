"""What a mechanism is: a look inside the network at what makes it say parts of an answer.

An explainer says on which inputs an answer rests; a mechanism says by which parts of the network it comes about: heads,
layers, states, the ways between positions. It gives figures in shapes that the page knows how to draw (`results.py`),
and `run.py` sees to time, memory and stopping. A new mechanism is one new file of this package: its lens on the page,
its files and its command are made from what it says of itself.

It is asked about a whole target, for what an intervention does to a word is not the mean of what it does to the word's
tokens; `token_targets_of(answer, target)` are the single tokens, each possibly against a rival.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from ..answer import Answer, Target
from ..settings import NoSettings
from ..vlm.cancel import CancelToken
from ..vlm.memory_costs import checkpoint_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from .results import Result


class Mechanism(ABC):
    """One mechanism. The class docstring's first paragraph describes it on screen and names its paper.

    `key` names it in files and commands, `name` on screen; `caveat` is the one line shown with every figure of it: what
    it does not tell. `order` places it among the lenses of its page: lower ones first, equal ones by name.
    `keeps_partial`: what was done before a stop is worth showing. `cheaper`: a sentence that says what answers nearly
    the same at less; empty where nothing does.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    caveat: ClassVar[str]
    order: ClassVar[int] = 100
    Settings: ClassVar[type[Any]] = NoSettings
    keeps_partial: ClassVar[bool] = False
    cheaper: ClassVar[str] = ""

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        """Why this answer cannot be looked into so, as a sentence that says what to do; None when it can."""
        return None

    def estimate(self, model: VisionLanguageModel, answer: Answer, target: Target, settings: Any) -> int:
        """Bytes needed beside what is loaded; an upper bound good to a factor of two. As it stands: one pass over the
        whole sequence whose states between the layers are kept."""
        return checkpoint_bytes(model, answer)

    def passes(self, model: VisionLanguageModel, answer: Answer, target: Target, settings: Any) -> Passes:
        """What it costs, in forward passes: told before it begins. As it stands one."""
        return Passes(forward=1)

    @abstractmethod
    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: Any,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        """The figures for a target.

        Call `progress` often, with the share that is done: it raises Cancelled once somebody has stopped the run,
        unless the mechanism keeps what is partial; that one looks at `cancel` itself and returns what it has, with
        `complete` below 1. Nothing may be left on the model, whatever is raised. Raises NotApplicable, with a sentence
        for the screen, for a target or settings that it has nothing to say about.
        """
