"""Attention knockout in a sliding window of layers: when does information pass from one group of tokens to another?

Geva, Bastings, Filippova and Globerson (2023), "Dissecting Recall of Factual Associations in Auto-Regressive Language
Models", EMNLP, section 3: the attention of some positions to others is cut in a window of k layers, for every place of
the window, and the target's log-probability compared with the uncut pass. Where the curve falls, what the target needs
passes along that edge. Basu et al. (2024), "Understanding Information Storage and Transfer in Multi-modal Large
Language Models", and Neo et al. (2024), "Towards Interpreting Visual Information Processing in Vision-Language
Models", ask this of LLaVA's image tokens.

A cut says what a *direct* edge carries in those layers: what has passed before, or goes around through other
positions, still arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..perturb.outcomes import OutcomeReader, outcomes
from ..perturb.perturbation import NetworkEdits
from ..perturb.prediction import Prediction
from ..perturb.until import until_target
from ..perturb.words import layers_in_words
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.edits import Knockout
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, edited_run_bytes
from ..vlm.model import VisionLanguageModel
from .groups import Group, check_groups

UNKNOWN = -1
"""Stands for a token nobody knows, as the run was stopped before."""


@dataclass(frozen=True)
class Cut:
    """The attention of `reader` to `source` is cut."""

    reader: Group
    source: Group


@dataclass(frozen=True, eq=False)
class KnockoutCurves:
    """What cuts in windows of `window` layers do to a target: the i-th window begins at layer i.

    `before` is what the model predicts with nothing cut; the others are the target's log-probability (nats), its
    probability and the most probable tokens with a cut. `complete` is below 1 when the run was stopped: figures are NaN
    then, and tokens UNKNOWN, where it did not get. `cutting` are the windows in which some cut closes a way: in the
    others there is nothing to cut, and nothing known. A cut that closes none there changes nothing.
    """

    target: Target
    window: int
    cuts: tuple[Cut, ...]
    before: Prediction
    logprob: Float[np.ndarray, "cut start"]
    probability: Float[np.ndarray, "cut start"]
    top: Int[np.ndarray, "cut start target"]
    complete: float
    cutting: tuple[int, ...]

    def whole(self, cut: int) -> bool:
        """Whether all is known of a cut."""
        return bool(np.isfinite(self.logprob[cut, list(self.cutting)]).all())

    @property
    def change(self) -> Float[np.ndarray, "cut start"]:
        """The change of the target's log-probability (nats): negative where the cut hurts."""
        return self.logprob - self.before.logprob

    @property
    def changed(self) -> Bool[np.ndarray, "cut start target"]:
        """Whether another token became the most probable one."""
        return (self.top != np.array(self.before.top)) & (self.top != UNKNOWN)


@dataclass(frozen=True)
class CutCurve:
    """What one cut does to a target: for windows of `window` layers that begin at `starts`, the change of the target's
    log-probability (nats), its probability, and the most probable words then (untrusted text). `before` is the
    log-probability with nothing cut."""

    window: int
    starts: tuple[int, ...]
    change: tuple[float, ...]
    probability: tuple[float, ...]
    said: tuple[str, ...]
    before: float


def cut_curve(model: VisionLanguageModel, curves: KnockoutCurves, cut: int = 0) -> CutCurve:
    """The curve of one of some cuts."""
    starts = curves.cutting
    return CutCurve(
        curves.window,
        starts,
        tuple(float(curves.change[cut, start]) for start in starts),
        tuple(float(curves.probability[cut, start]) for start in starts),
        tuple("".join(map(model.reader.piece, curves.top[cut, start].tolist())) for start in starts),
        curves.before.logprob,
    )


@stoppable
@with_what_is_left
def knockout_curves(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    cuts: Sequence[Cut],
    window: int,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> KnockoutCurves:
    """A curve for each cut, over every place of a window of `window` layers.

    Stopped by `cancel`, it returns what is done. Raises Cancelled when stopped before, OtherModel; NotApplicable for a
    target, group or window that does not fit; NotEnoughMemory.
    """
    answer, token_targets = until_target(model, answer, target)
    check_groups(answer, [cut.reader for cut in cuts], [cut.source for cut in cuts])
    layers = model.card.layers
    if not cuts:
        raise NotApplicable("No pair of groups is cut. Choose at least one.")
    if not 1 <= window <= layers:
        raise NotApplicable(
            f"A window of {window} layers does not fit: the model has {layers}. Choose 1 to {layers} layers."
        )
    remedy = "Choose an earlier word of the answer, or use a smaller picture."
    check_memory("Attention knockout", edited_run_bytes(model, answer), model, remedy)
    if cancel is not None:
        cancel.check()
    starts = layers - window + 1
    closing = [
        [start for start in range(starts) if closed_in(model, cut, range(start, start + window))] for cut in cuts
    ]
    cutting = sorted(set().union(*closing))
    total = sum(map(len, closing))
    shape = (len(cuts), starts)
    logprob, probability = np.full(shape, np.nan), np.full(shape, np.nan)
    top = np.full((*shape, len(token_targets)), UNKNOWN)
    last = len(answer.prompt_tokens) - 1
    before = OutcomeReader(model, answer, token_targets, model.checkpointed(answer, last)).undisturbed()
    done = 0
    for row, (cut, own) in enumerate(zip(cuts, closing, strict=True)):
        # Where it closes nothing, nothing changes.
        nothing = [start for start in cutting if start not in own]
        logprob[row, nothing], probability[row, nothing] = before.logprob, before.probability
        top[row, nothing] = before.top
        sets = [cut_in(cut, range(start, start + window)) for start in own]
        try:
            # Rows before the first reader stay as they are, and need not be read again.
            checkpoints = model.checkpointed(answer, min(*cut.reader.positions, last))
        except Cancelled:
            if not done:
                raise
            break
        read = outcomes(model, answer, token_targets, sets, checkpoints=checkpoints, cancel=cancel)
        for outcome, start in zip(read, own, strict=False):
            after = outcome.after
            logprob[row, start], probability[row, start], top[row, start] = after.logprob, after.probability, after.top
            done += 1
            progress(done / total)
        if cancel is not None and cancel.cancelled:
            break
    complete = done / total
    return KnockoutCurves(target, window, tuple(cuts), before, logprob, probability, top, complete, tuple(cutting))


def cut_in(cut: Cut, layers: Sequence[int]) -> NetworkEdits:
    """A cut in some layers, position by position as it names them: also in another answer, as soon as there is
    something at them."""
    name = f"attention of {cut.reader.name} to {cut.source.name} cut in {layers_in_words(layers)}"
    source = cut.source
    return NetworkEdits((Knockout(cut.reader.positions, source.positions, frozenset(layers), source.across),), name)


def closed_in(model: VisionLanguageModel, cut: Cut, layers: Sequence[int]) -> bool:
    """Whether a cut closes a way in some of these layers: one within the sequence in those with attention, one across
    in those that look there."""
    within = model.card.attention_layers if cut.source.positions else ()
    across = model.card.without_attention if cut.source.across else ()
    return not set(layers).isdisjoint((*within, *across))
