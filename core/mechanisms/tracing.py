"""Causal tracing: which states carry what the answer needs?

Meng, Bau, Andonian and Belinkov (2022), "Locating and Editing Factual Associations in GPT", NeurIPS, section 2: a run
whose input was corrupted has states of the clean run put back, at one layer (or a window of layers around it) and
some positions, and what that gives back of the target's probability is the states' indirect effect:

    total effect = log p(clean) - log p(corrupted),   indirect effect = log p(restored) - log p(corrupted).

Palit, Pandey, Arora and Liang (2023), "Towards Vision-Language Mechanistic Interpretability: A Causal Tracing Tool for
BLIP", do so with noise on a picture's embeddings. Here the states are the residual stream after a layer, or what its
attention or MLP hands on; positions are restored together as groups of tokens, or patch by patch.

Nothing below a restored state changes, so a run begins at that layer, from what the corrupted run left there: half the
layers on average; and many restorations make one batch. Nor does anything before the first restored position, and
where all is restored that was corrupted up to a position, the clean run tells it (`_restoring.py`): only the rows
after the image are computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..perturb.outcomes import OutcomeReader
from ..perturb.prediction import Prediction
from ..perturb.until import until_target
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.edits import Site
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, checkpoint_bytes, edited_run_bytes, keys_bytes
from ..vlm.model import VisionLanguageModel
from ._restoring import Restoration, Restoring
from .corruption import Corruption, corrupted, first_corrupted, samples_of
from .groups import Group, check_groups

LOGPROB, PROBABILITY = "log-probability", "probability"
MEASURES = {LOGPROB: "nats", PROBABILITY: "probability"}
"""What effects are on, with their units. The paper takes the probability; the log-probability tells small ones too."""


@dataclass(frozen=True, eq=False)
class Trace:
    """What comes of restoring each group at each of some layers, by kind of state and sample of the corruption: the
    target's log-probability (nats) and its probability.

    `clean` is what the model predicts with nothing corrupted. `complete` is below 1 when the run was stopped: what it
    did not get to is NaN, and so is the attention of layers without any. `chained` is False for a network that also
    adds visual features between its layers: noise on embeddings does not reach these, another picture does.
    """

    target: Target
    corruption: Corruption
    places: tuple[Group, ...]
    sites: tuple[Site, ...]
    layers: tuple[int, ...]
    window: int
    clean: Prediction
    corrupted_logprob: Float[np.ndarray, "sample"]
    corrupted_probability: Float[np.ndarray, "sample"]
    logprob: Float[np.ndarray, "sample site layer place"]
    probability: Float[np.ndarray, "sample site layer place"]
    complete: float
    chained: bool

    @property
    def samples(self) -> int:
        """How many corrupted runs there are."""
        return len(self.corrupted_logprob)

    @property
    def total(self) -> Float[np.ndarray, "sample"]:
        """The total effect on the log-probability: what the corruption took away."""
        return self.clean.logprob - self.corrupted_logprob

    @property
    def indirect(self) -> Float[np.ndarray, "sample site layer place"]:
        """The indirect effects on the log-probability: what restored states give back."""
        return self.logprob - self.corrupted_logprob[:, None, None, None]

    @property
    def indirect_probability(self) -> Float[np.ndarray, "sample site layer place"]:
        """The indirect effects on the probability of the target's tokens, whatever their rivals: those of Meng et al.
        2022."""
        return self.probability - self.corrupted_probability[:, None, None, None]

    def effects(self, of: str) -> Float[np.ndarray, "sample site layer place"]:
        """The indirect effects on one of `MEASURES`. Raises KeyError for another."""
        return {LOGPROB: self.indirect, PROBABILITY: self.indirect_probability}[of]


@stoppable
@with_what_is_left
def trace(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    corruption: Corruption,
    places: Sequence[Group],
    sites: Sequence[Site] = (Site.OUTPUT,),
    window: int = 1,
    *,
    layers: Sequence[int] | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Trace:
    """Corrupt, and restore each of `places` at each of some layers (None: all) for each kind of state; in `window`
    layers around it, as far as the model has them.

    Stopped by `cancel`, it returns what is done, whole samples first. Raises Cancelled when stopped before, OtherModel;
    NotApplicable for a target, group, corruption or window that does not fit; NotEnoughMemory; and for other pictures
    what `model.prepare` raises.
    """
    answer, token_targets = until_target(model, answer, target)
    depth = model.card.layers
    at = tuple(range(depth) if layers is None else layers)
    _check(model, answer, places, sites, at, window)
    start = min(first_corrupted(answer, corruption), len(answer.prompt_tokens) - 1)
    if cancel is not None:
        cancel.check()
    clean = model.checkpointed(answer, start)
    untouched = OutcomeReader(model, answer, token_targets, clean)
    healthy = untouched.undisturbed()
    plan, samples = list(product(at, sites, places)), samples_of(corruption)
    windows = [_having(model, site, around(layer, window, depth)) for layer, site, _ in plan]
    there = [number for number, layers in enumerate(windows) if layers]
    if not there:
        raise NotApplicable(
            "The chosen layers have no attention that could be restored. Choose among the layers "
            f"{', '.join(map(str, model.card.attention_layers))}, or another kind of state."
        )
    broken, mended = np.full((samples, 2), np.nan), np.full((samples, len(plan), 2), np.nan)
    states = cache(clean.states)
    restorations = {number: Restoration(plan[number][1], tuple(windows[number]), plan[number][2]) for number in there}
    done = 0
    try:
        for sample, checkpoints in enumerate(corrupted(model, answer, corruption, clean)):
            reader = OutcomeReader(model, answer, token_targets, checkpoints)
            hurt = reader.undisturbed()
            broken[sample] = hurt.logprob, hurt.probability
            restoring = Restoring(clean, states, checkpoints, untouched, reader)
            for number, after in restoring.outcomes(restorations, cancel):
                mended[sample, number] = after.logprob, after.probability
                done += 1
                progress(done / (samples * len(there)))
            if cancel is not None and cancel.cancelled:
                break
    except Cancelled:
        # What is done of it stands.
        if not done:
            raise
    table = mended.reshape(samples, len(at), len(sites), len(places), 2).swapaxes(1, 2)
    return Trace(
        target=target,
        corruption=corruption,
        places=tuple(places),
        sites=tuple(sites),
        layers=at,
        window=window,
        clean=healthy,
        corrupted_logprob=broken[:, 0],
        corrupted_probability=broken[:, 1],
        logprob=table[..., 0],
        probability=table[..., 1],
        complete=done / (samples * len(there)),
        chained=clean.chained,
    )


def _check(
    model: VisionLanguageModel,
    answer: Answer,
    places: Sequence[Group],
    sites: Sequence[Site],
    layers: Sequence[int],
    window: int,
) -> None:
    """Refuse what cannot be restored, and what will not fit."""
    check_groups(answer, places)
    depth = model.card.layers
    if not places or not sites or not layers or not 1 <= window <= depth or not set(layers) <= set(range(depth)):
        raise NotApplicable(
            f"Nothing can be restored: choose groups of tokens, kinds of states, some of the layers 0 to {depth - 1}, "
            f"and a window of 1 to {depth} layers."
        )
    # Beside the corrupted run the clean one, between its layers and inside them, and its keys and values.
    kept = 1 + sum(site in (Site.ATTENTION, Site.MLP) for site in sites)
    needed = kept * checkpoint_bytes(model, answer) + keys_bytes(model, answer) + edited_run_bytes(model, answer)
    remedy = "Restore states between the layers only, choose an earlier word, or use a smaller picture."
    check_memory("Causal tracing", needed, model, remedy)


def around(layer: int, window: int, layers: int) -> range:
    """The layers of a window around one, as far as there are any."""
    return range(max(0, layer - window // 2), min(layers, layer + (window + 1) // 2))


def _having(model: VisionLanguageModel, site: Site, layers: Sequence[int]) -> list[int]:
    """Those of some layers that have such a state: some have no attention."""
    return [layer for layer in layers if site is not Site.ATTENTION or layer not in model.card.without_attention]
