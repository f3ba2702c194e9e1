"""A circuit: the fewest edges, best first, that alone carry a chosen share of what a corruption takes away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, Float, Int

from ..answer import Answer, Target
from ..mechanisms.contributions import contributions
from ..mechanisms.corruption import Corruption, Noise
from ..mechanisms.groups import Group
from ..mechanisms.head_contributions import INCREASE, head_scores
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.instead import with_what_is_left
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from .faithfulness import SHARES, Curve, check_effect, curve, faithfulness, first_edges, ordered
from .graph import Graph
from .interchange import Interchange
from .scores import STEPS, edge_scores

BY_INCREASE, BY_ATTENTION = "heads by log-probability increase", "heads by attention to the picture"
HALVINGS = 14
"""How often the number of edges is narrowed down at most."""
CLOSE = 0.02
"""It is narrowed down to one part in so many of itself."""


@dataclass(frozen=True, eq=False)
class Circuit:
    """The edges `kept` that carry `share` of the effect of a corruption on a target, and how that was found.

    `scores` are of all edges (nats, 0 where there is none), `by_position` those from embeddings, by position. `curve`
    is of edges by score; `random` of orders that nobody chose; `rankings` of edges by the weaker of the heads at their
    ends, MLPs and embeddings before any head, by what ranks heads. `faithfulness` is that of `kept`, by running it.
    """

    target: Target
    corruption: Corruption
    steps: int
    share: float
    layers: int
    heads: int
    groups: tuple[Group, ...]
    clean_logprob: float
    corrupted_logprob: float
    scores: Float[np.ndarray, "sender receiver"]
    by_position: Float[np.ndarray, "receiver position"]
    edges: Bool[np.ndarray, "sender receiver"]
    kept: Bool[np.ndarray, "sender receiver"]
    faithfulness: float
    curve: Curve
    random: tuple[Curve, ...]
    rankings: Mapping[str, Curve]
    seed: int = 0

    @property
    def graph(self) -> Graph:
        """What the edges stand between."""
        return Graph(self.layers, self.heads, self.groups)

    @property
    def effect(self) -> float:
        """What the corruption took away (nats)."""
        return self.clean_logprob - self.corrupted_logprob

    @property
    def picture_positions(self) -> Float[np.ndarray, "position"]:
        """What the kept edges from the picture's embeddings carry by score, by position; 0 elsewhere."""
        source = self.graph.source("image")
        scores: Float[np.ndarray, "position"] = np.zeros(self.by_position.shape[1])
        if source is not None:
            own = list(self.groups[source].positions)
            scores[own] = self.by_position[self.kept[source]][:, own].sum(0)
        return scores


@stoppable
@with_what_is_left
def find_circuit(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    corruption: Corruption,
    share: float = 0.8,
    steps: int = STEPS,
    *,
    draws: int = 3,
    seed: int = 0,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Circuit:
    """Score all edges, and keep the first that carry `share` of the effect, as running them alone shows: the fewest
    that narrowing the number down finds (a longer list may carry less than a shorter one), less those that no way to
    the answer leads over. Of a corruption by noise the first sample is taken.

    Raises Cancelled, OtherModel; NotApplicable for a target, corruption or network that does not fit, and where the
    corruption changes nothing; NotEnoughMemory, NotShown.
    """
    between = Interchange(model, answer, target, corruption)
    check_effect(between)
    runs = HALVINGS + len(SHARES) * (1 + draws + len(_rankings_of(answer)))
    done = 0

    def ran() -> None:
        nonlocal done
        done += 1
        progress(0.2 + 0.8 * min(1.0, done / runs))

    scores = edge_scores(between, steps, cancel=cancel, progress=lambda one: progress(0.2 * one))
    order = ordered(scores.edges, between.edges)
    kept, found = fewest_edges(between, order, share, cancel=cancel, ran=ran)

    def drawn(own: Int[np.ndarray, "edge"]) -> Curve:
        return curve(between, own, cancel=cancel, ran=ran)

    chance = np.random.default_rng(seed)
    best = drawn(order)
    random = tuple(drawn(chance.permutation(np.flatnonzero(between.edges))) for _ in range(draws))
    rankings = {name: drawn(own) for name, own in _ranked(between, cancel).items()}
    return Circuit(
        target=target,
        corruption=corruption,
        steps=steps,
        share=share,
        layers=between.graph.layers,
        heads=between.graph.heads,
        groups=between.graph.groups,
        clean_logprob=between.clean_logprob,
        corrupted_logprob=between.corrupted_logprob,
        scores=scores.edges,
        by_position=np.pad(scores.by_position, ((0, 0), (0, len(answer.layout) - scores.by_position.shape[1]))),
        edges=between.edges,
        kept=kept,
        faithfulness=found,
        curve=best,
        random=random,
        rankings=rankings,
        seed=seed,
    )


def fewest_edges(
    between: Interchange,
    order: Int[np.ndarray, "edge"],
    share: float,
    *,
    cancel: CancelToken | None = None,
    ran: Callable[[], None] = lambda: None,
) -> tuple[Bool[np.ndarray, "sender receiver"], float]:
    """The fewest first edges of an order that are found to carry a share, by narrowing the number down between none and
    all, less those that no way leads over; and what they carry. `ran` is told of each run. Raises Cancelled."""
    low, high = 0, len(order)
    best = between.graph.alive(between.edges), 1.0
    for _ in range(HALVINGS):
        if high - low <= max(1, ceil(CLOSE * low)):
            break
        # Small numbers of edges are told apart by their logarithm.
        middle = min(high - 1, max(low + 1, round(((low + 1) * high) ** 0.5)))
        kept = between.graph.alive(first_edges(order, middle, between))
        carried = faithfulness(between, between.run(kept, cancel))
        ran()
        if carried >= share:
            high, best = middle, (kept, carried)
        else:
            low = middle
    return best


def _rankings_of(answer: Answer) -> tuple[str, ...]:
    return (BY_INCREASE, BY_ATTENTION) if answer.question.images else (BY_INCREASE,)


def _ranked(between: Interchange, cancel: CancelToken | None) -> dict[str, Int[np.ndarray, "edge"]]:
    """The edges in the order of other rankings of heads: an edge is as good as the weaker head at its ends."""
    model, answer, token_targets = between.model, between.answer, between.token_targets
    written = contributions(model, answer, token_targets, cancel=cancel)
    heads = {BY_INCREASE: head_scores(model, written, INCREASE, cancel=cancel or CancelToken())}
    image = next((group.positions for group in between.graph.groups if group.name == "image"), ())
    if image and BY_ATTENTION in _rankings_of(answer):
        rows = model.attention_rows(answer, between.rows)[..., list(image)]
        heads[BY_ATTENTION] = rows.double().sum(-1).mean(-1).cpu().numpy()
    return {name: _by_heads(between, values) for name, values in heads.items()}


def _by_heads(between: Interchange, values: Float[np.ndarray, "layers heads"]) -> Int[np.ndarray, "edge"]:
    graph = between.graph
    inside = np.concatenate([values, np.full((graph.layers, 1), np.inf)], 1).ravel()
    sending = np.concatenate([np.full(len(graph.groups), np.inf), inside])
    weaker = np.minimum(sending[:, None], np.concatenate([inside, [np.inf]])[None])
    numbers = np.flatnonzero(between.edges)
    return numbers[np.argsort(-weaker.ravel()[numbers], kind="stable")]


def circuit_passes(
    model: VisionLanguageModel, answer: Answer, corruption: Corruption, steps: int = STEPS, draws: int = 3
) -> Passes:
    """About what `find_circuit` makes: both runs and their layers; of each step a pass, the layers once more and a
    gradient through them, whose attention is gone down once for each head; and of each run of edges the layers' MLPs
    once and, for each head that reads something of its own, its layer's attention."""
    heads, runs = model.card.heads, HALVINGS + len(SHARES) * (1 + draws + len(_rankings_of(answer)))
    point = Passes(forward=3, backward=1 + ATTENTION * heads)
    return runs_passes(model, corruption, runs) + max(1, steps) * point


def runs_passes(model: VisionLanguageModel, corruption: Corruption, runs: int) -> Passes:
    """Both runs and their layers, and so many runs of edges."""
    begun = Passes(forward=1) if isinstance(corruption, Noise) else over_images(1)
    return begun + Passes(forward=7) + runs * Passes(forward=1 + ATTENTION * model.card.heads / 2)


ATTENTION = 0.4
"""The share of a layer's time that its attention takes, about."""
