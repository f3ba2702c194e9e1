"""What interventions cost, in forward passes: a run under edits begins at the first layer and the first position that
they touch, so it is a part of a pass."""

from __future__ import annotations

from collections.abc import Sequence

from ..answer import Answer, TokenKind
from ..perturb.outcomes import sets_at_once
from ..perturb.perturbation import OtherImages
from ..vlm.edits import Site, first_after_images
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes, over_images, share_after
from .corruption import Corruption, Noise, samples_of
from .groups import Group
from .knockout import Cut, closed_in


def pass_from(answer: Answer, start: int) -> Passes:
    """A checkpointed pass from a position on; one before the last image token begins at the first."""
    return Passes(forward=share_after(answer, start if start >= first_after_images(answer) else 0))


def knockout_passes(model: VisionLanguageModel, answer: Answer, cuts: Sequence[Cut], window: int) -> Passes:
    """What `knockout_curves` makes: for each cut a pass from its first reader on, and for each place of the window the
    layers from there up."""
    layers, last = model.card.layers, len(answer.prompt_tokens) - 1
    total, whole = pass_from(answer, last), False
    for cut in cuts:
        first = min(*cut.reader.positions, last)
        once = pass_from(answer, first)
        if once.forward < 1 or not whole:
            # (the whole pass is kept)
            total, whole = total + once, whole or once.forward == 1
        starts = [start for start in range(layers - window + 1) if closed_in(model, cut, range(start, start + window))]
        total = total + Passes(forward=_ran(model, answer, starts, first))
    return total


def ablation_passes(
    model: VisionLanguageModel, answer: Answer, orders: int, counts: Sequence[int], means: bool = False
) -> Passes:
    """What `ablation_curves` makes of so many orders of heads, and what their means take: of k heads anywhere the first
    is expected at one part in k + 1 of all layers."""
    sizes, at_once = [count for _ in range(orders) for count in counts], sets_at_once(model, answer, 0)
    batches = [sizes[first : first + at_once] for first in range(0, len(sizes), at_once)]
    sets = sum(len(batch) * max(batch) / (max(batch) + 1) for batch in batches)
    return Passes(forward=1 + sets + (1 if means else 0))


def trace_passes(
    model: VisionLanguageModel,
    answer: Answer,
    corruption: Corruption,
    places: Sequence[Group],
    sites: Sequence[Site],
    window: int = 1,
    at: Sequence[int] | None = None,
) -> Passes:
    """What `trace` makes: the clean pass and one for each sample, and from them a run for each restoration: over the
    rows after what is restored where that is all that was corrupted so far, and over those from it on otherwise."""
    noise = corruption if isinstance(corruption, Noise) else None
    first = _first_reached(answer, corruption)
    begun = pass_from(answer, min(first, len(answer.prompt_tokens) - 1))
    sample, above = begun if noise else over_images(1), NOTHING
    chosen = range(model.card.layers) if at is None else at
    for site in sites:
        lowest = [max(0, layer - window // 2) + (site is Site.OUTPUT) for layer in chosen]
        rows = [_rows_of(answer, place, first, site, window) for place in places]
        # Restorations of one kind are read together, from the first row that any of them touches.
        for kind in (True, False):
            own = [start for whole, start in rows if whole is kind]
            if own:
                begins = [layer for layer in lowest for _ in own]
                above = above + Passes(forward=_ran(model, answer, begins, min(own)))
    # Keys and values of the run that is gone on from are had by computing its layers again.
    return begun + begun + samples_of(corruption) * (sample + begun + above)


def _first_reached(answer: Answer, corruption: Corruption) -> int:
    """The first position whose embedding a corruption changes, as far as can be told beforehand."""
    if isinstance(corruption, Noise):
        return min(corruption.positions, default=0)
    return min(answer.layout.positions(TokenKind.IMAGE), default=0) if isinstance(corruption, OtherImages) else 0


def _ran(model: VisionLanguageModel, answer: Answer, begins: Sequence[int], start: int) -> float:
    """What running the rows from `start` on takes, once from each of these layers up. Those of a batch begin where the
    first of them does."""
    at_once, layers = sets_at_once(model, answer, start), model.card.layers
    batches = [begins[first : first + at_once] for first in range(0, len(begins), at_once)]
    return sum(len(batch) * (layers - min(batch)) for batch in batches) / layers * share_after(answer, start)


def _rows_of(answer: Answer, place: Group, first: int, site: Site, window: int) -> tuple[bool, int]:
    """Whether the clean run tells of restoring some positions, and the first row that is run then."""
    between = site in (Site.INPUT, Site.OUTPUT) and window == 1
    if between and set(range(first, max(place.positions) + 1)) <= set(place.positions):
        return True, max(place.positions) + 1
    return False, min((position for position in place.positions if position >= first), default=len(answer.layout))
