"""About what each edge carries: edge attribution patching with integrated gradients, EAP-IG.

Hanna, Pezzelle and Belinkov (2024), "Have Faith in Faithfulness: Going Beyond Circuit Overlap When Finding Model
Mechanisms", section 3, after Syed, Rager and Conmy (2023), "Attribution Patching Outperforms Automated Circuit
Discovery": the score of the edge from u to v is

    (z_u - z'_u) . 1/m sum_k d target / d (input of v) at the k-th point between corrupted and clean embeddings,

z_u what u writes in the clean run and z'_u in the corrupted one, summed over positions. It estimates by how much the
target falls where this edge alone carries the corrupted value; `path_patching` does that in earnest. The gradient of
an input goes through its part alone: a head's is what comes back through this head's queries, keys and values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import NotShown
from ..mechanisms.patch_effects import on_the_way, top_gradient
from ..vlm.cancel import CancelToken, check_heard
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Site
from ..vlm.layer_gradient import OVERFLOWED
from ..vlm.precision import at_least_float32
from .interchange import Interchange

STEPS = 5
"""Points on the way, the choice of Hanna et al. (2024)."""


@dataclass(frozen=True, eq=False)
class EdgeScores:
    """The score of each edge in nats, 0 where there is none; and of the edges from embeddings also by position, of
    which each belongs to one group."""

    edges: Float[np.ndarray, "sender receiver"]
    by_position: Float[np.ndarray, "receiver position"]


def edge_scores(
    between: Interchange,
    steps: int = STEPS,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> EdgeScores:
    """The scores of all edges, in a pass and a gradient for each step. Raises Cancelled; NotShown where gradients
    overflow in half precision."""
    graph, moved = between.graph, between.moved
    edges = moved.new_zeros(graph.senders, graph.receivers, dtype=torch.float64)
    by_position = moved.new_zeros(graph.receivers, moved.shape[1], dtype=torch.float64)
    embedded = moved[: len(graph.groups)].sum(0)
    points, done = max(1, steps), 0
    for point in on_the_way(between.model, between.answer, between.clean, between.corrupted, steps):
        for receivers, below, gradients in _gradients(between, point):
            if cancel is not None:
                cancel.check()
            check_heard()
            if not bool(gradients.isfinite().all()):
                raise NotShown(OVERFLOWED, gradients=False)
            products = moved[:below].flatten(1) @ gradients.flatten(1).T
            edges[:below, receivers] += products.double() / points
            by_position[receivers] += (embedded * gradients).sum(-1).double() / points
            done += receivers.stop - receivers.start
            progress(done / (points * graph.receivers))
    return EdgeScores(edges.cpu().numpy() * between.edges, by_position.cpu().numpy())


def _gradients(
    between: Interchange, point: DecoderPass
) -> Iterator[tuple[slice, int, Float[Tensor, "receiver row hidden"]]]:
    """The gradients with respect to the inputs of some receivers, from the top down, with these and with the number of
    senders that they read."""
    graph, model = between.graph, between.model
    top, scale = top_gradient(model, between.answer, point, between.token_targets)
    gradient = at_least_float32(top) / at_least_float32(scale)
    yield slice(graph.receivers - 1, graph.receivers), graph.senders, gradient[None]
    for layer in range(graph.layers - 1, -1, -1):
        of_mlp, of_heads = _through(between, point, layer, gradient)
        mlp, first = graph.receiver_mlp(layer), graph.receiver_head(layer)
        yield slice(mlp, mlp + 1), graph.sender_mlp(layer), of_mlp[None]
        yield slice(first, first + graph.heads), graph.sender_head(layer), of_heads
        gradient = gradient + of_mlp + of_heads.sum(0)


def _through(
    between: Interchange, point: DecoderPass, layer: int, gradient: Float[Tensor, "row hidden"]
) -> tuple[Float[Tensor, "row hidden"], Float[Tensor, "heads row hidden"]]:
    """The gradients of what MLP and heads of a layer read, each through that part alone, from that of its output."""
    parts = between.layer(layer)
    dtype = point.final.dtype
    state = point.states(layer, Site.INPUT).detach().requires_grad_()
    with torch.enable_grad():
        mixed = point.heads_given(layer, state[None], grad=True)[0]
    added = torch.einsum("rhs,hsd->rd", at_least_float32(mixed.detach()), parts.projection)
    # (the layer adds its bias itself)
    entered = (at_least_float32(state.detach()) + added).to(dtype).requires_grad_()
    with torch.enable_grad():
        left = point.left_without_heads(layer, entered, grad=True)
    (through_both,) = torch.autograd.grad(left, entered, gradient.to(left))
    of_mlp = at_least_float32(through_both) - gradient
    of_mixed = torch.einsum("rd,hsd->rhs", gradient + of_mlp, parts.projection).to(mixed)
    each = []
    for head in range(between.graph.heads):
        check_heard()
        alone = torch.zeros_like(of_mixed)
        alone[:, head] = of_mixed[:, head]
        each.append(torch.autograd.grad(mixed, state, alone, retain_graph=head + 1 < between.graph.heads)[0])
    return of_mlp, at_least_float32(torch.stack(each))
