"""How far attribution patching agrees with putting states back in earnest, and where it fails.

The parts whose estimated effects are largest are restored one by one: a head's output and an MLP's at all positions, a
group of positions of the residual stream at a layer. What that gives back is held against the estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import NetworkEdits
from ..perturb.until import until_target
from ..statistics.estimate import Estimate
from ..statistics.rank_correlation import rank_correlation
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Edits, HeadAblation, Site, StatePatch
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, checkpoint_bytes, edited_run_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from ..vlm.targets import token_targets_of
from .corruption import Corruption, Noise, corrupted, first_corrupted, samples_of
from .groups import Group, groups
from .patch_effects import REMEDY, PatchEffects, of_positions
from .results import Row

Kind = Literal["head", "mlp", "states"]
KINDS: tuple[Kind, ...] = ("head", "mlp", "states")
MOST = 64
"""Parts of each kind that are restored in earnest, unless told otherwise."""


@dataclass(frozen=True)
class Part:
    """A head or MLP (`number` is the head's, -1 of an MLP), or the states of a group as they enter a layer."""

    kind: Kind
    layer: int
    number: int
    name: str


@dataclass(frozen=True, eq=False)
class Agreement:
    """Some parts with what was estimated and what restoring them gave (nats, means over samples), largest estimates
    first within their kind; and which estimates these were, and how many of each kind were asked for."""

    target: Target
    corruption: Corruption
    steps: int
    most: int
    parts: tuple[Part, ...]
    estimated: Float[np.ndarray, "part"]
    restored: Float[np.ndarray, "part"]

    def of(self, kind: Kind) -> Float[np.ndarray, "2 part"]:
        """The estimates of a kind and, below them, what was restored."""
        own = [number for number, part in enumerate(self.parts) if part.kind == kind]
        return np.stack([self.estimated[own], self.restored[own]])

    def correlation(self, kind: Kind) -> Estimate:
        """Spearman's rank correlation over the parts of a kind; NaN for fewer than three."""
        both = self.of(kind)
        return rank_correlation(*both) if both.shape[1] > 2 else rank_correlation(np.zeros(0), np.zeros(0))

    def rows(self) -> list[Row]:
        """A line for each part."""
        return [
            {"part": part.name, "kind": part.kind, "estimated": float(one), "restored": float(other)}
            for part, one, other in zip(self.parts, self.estimated, self.restored, strict=True)
        ]

    def furthest(self, count: int = 5) -> list[tuple[Part, float, float]]:
        """The parts of which both differ most, with what was estimated and what was restored."""
        order = np.argsort(-np.abs(self.estimated - self.restored), kind="stable")[:count]
        return [(self.parts[n], float(self.estimated[n]), float(self.restored[n])) for n in order]


@stoppable
@with_what_is_left
def patch_agreement(
    model: VisionLanguageModel,
    answer: Answer,
    effects: PatchEffects,
    most: int = MOST,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Agreement:
    """Restore the `most` parts of each kind whose estimates are largest. Raises what `patch_effects` raises."""
    target, corruption = effects.target, effects.corruption
    places = _places(answer, target)
    answer, token_targets = until_target(model, answer, target)
    check_memory(
        "Restoring parts", 4 * checkpoint_bytes(model, answer) + edited_run_bytes(model, answer), model, REMEDY
    )
    parts, estimated = _largest(effects, places, most)
    if not parts:
        raise NotApplicable("No part of this model has an estimate to compare. Choose another word or corruption.")
    first_corrupted(answer, corruption)
    # (heads are replaced in every row)
    clean = model.checkpointed(answer)
    edits = [_restored(clean, part, places) for part in parts]
    total, done = np.zeros(len(parts)), 0
    samples = samples_of(corruption)
    for broken in corrupted(model, answer, corruption, clean):
        reader = OutcomeReader(model, answer, token_targets, broken)
        hurt = reader.undisturbed().logprob
        for number, outcome in enumerate(reader.outcomes([NetworkEdits(one) for one in edits], cancel)):
            total[number] += (outcome.after.logprob - hurt) / samples
            done += 1
            progress(done / (samples * len(parts)))
        if cancel is not None and cancel.cancelled:
            raise Cancelled
    return Agreement(target, corruption, effects.steps, most, tuple(parts), estimated, total)


NAMES: dict[Kind, str] = {"head": "heads", "mlp": "MLPs", "states": "states of groups"}


def agreement_in_words(agreement: Agreement) -> str:
    """Rank correlations of each kind, and where estimates fail most, as sentences."""
    told = []
    for kind in KINDS:
        found = agreement.correlation(kind)
        if found.count > 2:
            told.append(f"{NAMES[kind]} {found.value:.2f} [{found.low:.2f}, {found.high:.2f}] of {found.count}")
    apart = [f"{part.name} ({one:+.2f}, restored {other:+.2f})" for part, one, other in agreement.furthest(3)]
    ranks = f"Rank correlation of estimates with what restoring gives: {'; '.join(told)}. " if told else ""
    return f"{ranks}They differ most of {', '.join(apart)} nats."


def agreement_passes(
    model: VisionLanguageModel, answer: Answer, corruption: Corruption, places: int, most: int = MOST
) -> Passes:
    """What `patch_agreement` makes: the two runs, the clean one's layers, and half a pass for each part."""
    card = model.card
    counts = (len(card.attention_layers) * card.heads, card.layers, places * (card.layers + 1))
    parts = sum(min(most, count) for count in counts)
    begun = Passes(forward=1) if isinstance(corruption, Noise) else over_images(1)
    return Passes(forward=3) + samples_of(corruption) * (begun + Passes(forward=0.5 * parts))


def _places(answer: Answer, target: Target) -> list[Group]:
    return [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]


def _largest(effects: PatchEffects, places: list[Group], most: int) -> tuple[list[Part], Float[np.ndarray, "part"]]:
    """The parts of each kind with the largest estimates."""
    layers, heads = effects.heads.shape
    by_place = np.stack([of_positions(effects, place.positions) for place in places], 1)
    every: dict[Kind, list[tuple[Part, float]]] = {
        "head": [
            (Part("head", layer, head, f"L{layer} H{head}"), float(effects.heads[layer, head]))
            for layer, head in product(range(layers), range(heads))
        ],
        "mlp": [(Part("mlp", layer, -1, f"L{layer} MLP"), float(effects.mlps[layer])) for layer in range(layers)],
        "states": [
            (Part("states", layer, place, f"{places[place].name} entering L{layer}"), float(by_place[layer, place]))
            for layer, place in product(range(layers), range(len(places)))
        ],
    }
    chosen = [
        one
        for kind in KINDS
        for one in sorted((each for each in every[kind] if np.isfinite(each[1])), key=lambda each: -abs(each[1]))[:most]
    ]
    return [part for part, _ in chosen], np.array([estimate for _, estimate in chosen])


def _restored(clean: DecoderPass, part: Part, places: list[Group]) -> Edits:
    """The edits that put a part's clean activation back."""
    rows = len(clean.final)
    positions = tuple(range(clean.start, clean.start + rows))
    if part.kind == "head":
        with clean.recompute(part.layer, grad=False) as passed:
            output = passed.attention_calls[0].output[:, part.number].clone()
        return (HeadAblation(((part.layer, part.number),), output[None]),)
    if part.kind == "mlp":
        return (StatePatch(Site.MLP, part.layer, positions, clean.states(part.layer, Site.MLP)),)
    own = [position for position in places[part.number].positions if clean.start <= position < clean.start + rows]
    index = torch.tensor(own, dtype=torch.long, device=clean.final.device) - clean.start
    return (StatePatch(Site.INPUT, part.layer, tuple(own), clean.states(part.layer, Site.INPUT)[index]),)
