"""Cut and see: the attention of groups of tokens to others is cut, in a window of layers after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.memory_costs import edited_run_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget, token_targets_of
from .base import Mechanism
from .costs import knockout_passes
from .groups import groups, image_across
from .knockout import Cut, knockout_curves
from .results import Curve, Curves, Result

EVERY = "every group"
GROUPS = ("image", "question", "prompt", "answer", "last")


@dataclass(frozen=True)
class AttentionKnockoutSettings:
    """Which ways are cut, each on its own, and in how many layers at once."""

    source: str = choice(EVERY, "Attention to", (EVERY, *GROUPS), help="Keys that may not be looked at.")
    reader: str = choice(
        "last", "Attention of", (EVERY, *GROUPS), help="Queries that may not look. No group looks ahead."
    )
    window: int = number(
        3, "Layers cut at once", minimum=1, maximum=256, step=1, help="All of them, where the model has fewer."
    )


class AttentionKnockout(Mechanism):
    """Attention knockout in a sliding window of layers (Geva et al. 2023, "Dissecting Recall of Factual Associations in
    Auto-Regressive Language Models", section 3): some positions may not attend to others in a few layers, and the
    target's log-probability is compared with the uncut pass. Where the curve falls, what the target needs passes there.
    """

    key = "attention_knockout"
    name = "Cut and see"
    caveat = (
        "A cut closes the direct way in those layers: what has passed before, or goes round through other tokens, "
        "still arrives (Geva et al. 2023)."
    )
    order = 30
    cheaper = "Fewer ways take proportionally less time."
    Settings = AttentionKnockoutSettings
    keeps_partial = True

    def estimate(self, model: VisionLanguageModel, answer: Answer, target: Target, settings: Any) -> int:
        return edited_run_bytes(model, answer)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, target: Target, settings: AttentionKnockoutSettings
    ) -> Passes:
        cuts = self._cuts(model, answer, target, settings)
        return knockout_passes(model, answer, list(cuts.values()), min(settings.window, model.card.layers))

    @staticmethod
    def _cuts(
        model: VisionLanguageModel, answer: Answer, target: Target, settings: AttentionKnockoutSettings
    ) -> dict[str, Cut]:
        """The ways that settings name."""
        return {
            name: cut
            for name, cut in ways(model, answer, token_targets_of(answer, target)).items()
            if settings.source in (EVERY, cut.source.name) and settings.reader in (EVERY, cut.reader.name)
        }

    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: AttentionKnockoutSettings,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        cuts = self._cuts(model, answer, target, settings)
        if not cuts:
            raise NotApplicable(
                f"Nothing of '{settings.reader}' looks at anything of '{settings.source}' in this sequence, so there "
                "is no way to cut. Choose other groups."
            )
        window = min(settings.window, model.card.layers)
        outcome = knockout_curves(model, answer, target, list(cuts.values()), window, cancel=cancel, progress=progress)
        middles = [first + (window - 1) / 2 for first in outcome.cutting]
        changes = outcome.change[:, list(outcome.cutting)]
        curves = tuple(Curve(name, middles, change) for name, change in zip(cuts, changes, strict=True))
        shape = Curves("Change in log-probability by the layers cut", curves, "middle of the layers cut")
        return Result(
            (shape,), f"The target's log-probability is {outcome.before.logprob:.5f} uncut.", outcome.complete
        )


def ways(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> dict[str, Cut]:
    """Every way from one group of tokens to a later one, by its name, and from a picture that is read by
    cross-attention to all that read it."""
    there = [group for group in groups(answer, token_targets) if group.positions]
    across = image_across(model, answer)
    return {
        f"{source.name} → {reader.name}": Cut(reader, source)
        for source in ([] if across is None else [across]) + there
        for reader in there
        if source is not reader and (source.across or max(reader.positions) > min(source.positions))
    }
