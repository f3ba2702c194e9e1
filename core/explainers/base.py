"""What an explainer is: a method that scores every input position for parts of an answer.

An explainer sees *token targets*: one answer token, possibly against a rival. Words, spans and whole answers are
several token targets, and a target's map is the mean of its token targets' maps at full length, weighted where a method
has weights for them; `run.py` sees to that,
to time and memory, and to stopping. Scores are about the raw logits or log-probabilities of the model: never about
tempered or filtered ones, so no decoding setting changes a map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, PatchSet, ScoredPart, TokenLayout
from ..settings import NoSettings
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._places import Need, lacking


@dataclass(frozen=True, eq=False)
class Step:
    """Progress of a method: the share done, and the scores so far where they are worth keeping.

    The last step of a run carries the final scores. In partial ones, positions not yet looked at are NaN. `remark` says
    of the scores, in a sentence, what the settings asked for and could not be had. `layout` is what the scores are of,
    where that is not the answer's own. `gains` are what each token target's scores should add up to, of a method that
    promises it: whether they do is said with the map. `weights` say how much each token target counts in the map of
    several; all the same where they are None, or 0. `says` tells what is to be said of the map of some token targets,
    given by their numbers, and `parts` what was scored as a whole, by region or word. `sets` are what was found out of
    several patches together, by a method that takes a target's tokens `jointly`.
    """

    done: float
    scores: Float[Tensor, "target position"] | None = None
    remark: str | None = None
    layout: TokenLayout | None = None
    gains: Float[Tensor, "target"] | None = None
    weights: Float[Tensor, "target"] | None = None
    says: Callable[[Sequence[int]], str | None] = lambda numbers: None
    parts: Callable[[Sequence[int]], tuple[ScoredPart, ...]] = lambda numbers: ()
    sets: tuple[PatchSet, ...] = ()


class Explainer(ABC):
    """One method. The class docstring's first paragraph describes it on screen and names its paper.

    `key` names it in settings and files, `name` on screen; `caveat` is the one line shown under every map of it:
    what the score does not tell. `needs` says what of a picture it cannot do without: its "pixels", or "image" tokens,
    where it scores nothing else or nothing without them, or also the "places" that they have in the picture; answers
    that lack it are refused in a sentence. `signed`: scores may be negative, and then mean evidence against.
    `contrasts`: a rival changes the map. `keeps_partial`: what was done before a stop is worth showing. `control`: it
    knows nothing of the model, and is there to be beaten. `recorded`: it reads attention rows that were recorded while
    the answer was written, which has a cost of its own. `jointly`: the tokens of a target are explained together, in
    scores of one row, and each target is a run of its own. `cheaper`: a sentence that says what answers nearly the same
    at less; empty where nothing does.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    caveat: ClassVar[str]
    Settings: ClassVar[type[Any]] = NoSettings
    needs: ClassVar[Need] = "nothing"
    signed: ClassVar[bool] = False
    contrasts: ClassVar[bool] = True
    keeps_partial: ClassVar[bool] = False
    control: ClassVar[bool] = False
    recorded: ClassVar[bool] = False
    jointly: ClassVar[bool] = False
    cheaper: ClassVar[str] = ""

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        """Why this method cannot explain this answer, as a sentence that says what to do; None when it can. As it
        stands: what the method `needs` and the answer lacks."""
        return lacking(self.needs, model, answer, self.name)

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        """Bytes needed beside what is loaded; an upper bound good to a factor of two."""
        return 0

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        """What it costs, in forward passes: told before it begins. As it stands one."""
        return Passes(forward=1)

    @abstractmethod
    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        """Scores of every position of `answer.layout` for each token target, on the CPU in float32; the last step's are
        final.

        Yield often, so that the share done is told. Stop is heard within every pass. Positions the token target cannot
        rest on (those after it) are 0. Nothing may be left behind on the model, whatever is raised."""
