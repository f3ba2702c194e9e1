"""A decoder run with some of its edges alone: all others carry what they carry in a corrupted run.

What a part reads in the corrupted run is x'; over every kept edge comes, beside that, by how much its sender differs
from the corrupted run now:

    x = x' + sum over kept edges of (what the sender writes now - what it writes in the corrupted run).

With all edges kept that is the clean run, with none the corrupted one; with all but one it is path patching of that
edge (Wang et al. 2023, "Interpretability in the Wild", ICLR; Goldowsky-Dill et al. 2023, "Localizing Model Behavior
with Path Patching"). Parts that nothing has reached, and parts below which all is clean, need no computing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..mechanisms.corruption import Corruption, corrupted
from ..mechanisms.groups import groups
from ..perturb.until import until_target
from ..vlm.backward import target_log_odds
from ..vlm.cancel import CancelToken
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Site
from ..vlm.memory_costs import check_memory, checkpoint_bytes, decoder_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.precision import at_least_float32
from ..vlm.targets import TokenTarget
from .graph import Graph

BATCH_BYTES = 64 * 2**20
"""About what the inputs of heads take that are computed together."""

BESIDE = "Patch all at once tells of its heads and MLPs without their edges."


class _Now(IntEnum):
    """What a sender writes in a run: what it writes in the corrupted one, in the clean one, or something of its own."""

    CORRUPTED = 0
    CLEAN = 1
    OWN = 2


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer in the corrupted run: what its attention and its MLP read, what its heads hand to `projection` and what
    its MLP adds. `bias` is what the attention adds beside its heads."""

    projection: Float[Tensor, "heads size hidden"]
    bias: Float[Tensor, "hidden"]
    read_by_heads: Float[Tensor, "row hidden"]
    read_by_mlp: Float[Tensor, "row hidden"]
    mixed: Float[Tensor, "row heads size"]
    added_by_mlp: Float[Tensor, "row hidden"]


class Interchange:
    """A clean run and a corrupted one, taken apart into what each part writes. `moved` [sender row hidden] is by how
    much that differs between them; `moves` says of which embeddings it does at all, and
    is true of all other senders."""

    def __init__(self, model: VisionLanguageModel, answer: Answer, target: Target, corruption: Corruption) -> None:
        """Raises OtherModel; NotApplicable for a target or corruption that does not fit, and for a network whose layers
        are no such sum; NotShown; NotEnoughMemory; and what `model.prepare` raises for another prompt."""
        self.model = model
        self.answer, self.token_targets = until_target(model, answer, target)
        self.graph = graph_of(model, self.answer, self.token_targets)
        check_circuit_memory(model, self.answer, self.graph)
        _check_kind(model)
        self.clean = model.checkpointed(self.answer)
        (self.corrupted,) = list(corrupted(model, self.answer, corruption, self.clean))[:1]
        if not self.clean.chained:
            raise NotApplicable(
                f"{model.card.name} adds features of the picture after its first layers, so what a layer reads is not "
                f"the sum of what is below it. {BESIDE}"
            )
        self._taken_apart()
        self.moves: Bool[np.ndarray, "sender"] = (self.moved != 0).flatten(1).any(1).cpu().numpy()
        # (in some circuit any other part may write something else)
        self.moves[len(self.graph.groups) :] = True
        self._top = [at_least_float32(one.final) for one in (self.clean, self.corrupted)]
        self.rows = [token_target.position(self.answer) for token_target in self.token_targets]
        self.clean_logprob, self.corrupted_logprob = (self.read(final) for final in self._top)

    @property
    def edges(self) -> Bool[np.ndarray, "sender receiver"]:
        """The edges over which anything can pass: those of senders that differ between the runs."""
        edges: Bool[np.ndarray, "sender receiver"] = self.graph.possible & self.moves[:, None]
        return edges

    def read(self, final: Float[Tensor, "row hidden"]) -> float:
        """The target's log-probability (nats; log-odds against rivals) from what the last layer leaves."""
        states = final[self.rows].to(self.clean.final.dtype)
        with torch.no_grad():
            return float(target_log_odds(self.model, states, self.token_targets).double().sum())

    def layer(self, layer: int) -> _Layer:
        """A layer of the corrupted run."""
        return self._layers[layer]

    def run(self, kept: Bool[np.ndarray, "sender receiver"], cancel: CancelToken | None = None) -> float:
        """The target's log-probability where these edges alone carry what their senders write now. Raises Cancelled."""
        graph, edges = self.graph, self.edges
        kept = kept & edges
        now = torch.zeros_like(self.moved)
        state = np.full(graph.senders, _Now.CORRUPTED)
        sources = len(graph.groups)
        now[:sources] = self.moved[:sources]
        state[:sources] = np.where(self.moves[:sources], _Now.CLEAN, _Now.CORRUPTED)

        def how(receiver: int) -> _Now:
            """What a receiver reads."""
            bearing = kept[:, receiver] & (state != _Now.CORRUPTED)
            if not bearing.any():
                return _Now.CORRUPTED
            whole = bool((kept[:, receiver] == edges[:, receiver]).all())
            return _Now.CLEAN if whole and bool((state[edges[:, receiver]] == _Now.CLEAN).all()) else _Now.OWN

        def comes(receivers: Sequence[int], below: int) -> Float[Tensor, "receiver row hidden"]:
            """What comes over the kept edges beside what the corrupted run has."""
            weights = torch.from_numpy(kept[:below, list(receivers)].T.copy()).to(now)
            return (weights @ now[:below].flatten(1)).view(len(receivers), *now.shape[1:])

        for number in range(graph.layers):
            if cancel is not None:
                cancel.check()
            layer, below = self._layers[number], graph.sender_head(number)
            heads = [how(graph.receiver_head(number, head)) for head in range(graph.heads)]
            own = [head for head, reads in enumerate(heads) if reads is _Now.OWN]
            for some in self._batches(own):
                entered = layer.read_by_heads + comes([graph.receiver_head(number, head) for head in some], below)
                mixed = at_least_float32(self.clean.heads_given(number, entered.to(self.clean.final.dtype)))
                for place, head in enumerate(some):
                    change = mixed[place, :, head] - layer.mixed[:, head]
                    now[below + head] = change @ layer.projection[head]
            for head, reads in enumerate(heads):
                if reads is _Now.CLEAN:
                    now[below + head] = self.moved[below + head]
                state[below + head] = reads
            mlp, reads = graph.sender_mlp(number), how(graph.receiver_mlp(number))
            if reads is _Now.OWN:
                read = layer.read_by_mlp + comes([graph.receiver_mlp(number)], mlp)[0]
                now[mlp] = self.added_by_mlp(number, read) - layer.added_by_mlp
            elif reads is _Now.CLEAN:
                now[mlp] = self.moved[mlp]
            state[mlp] = reads
        last = graph.receivers - 1
        reads = how(last)
        if reads is _Now.OWN:
            return self.read(self._top[1] + comes([last], graph.senders)[0])
        return self.clean_logprob if reads is _Now.CLEAN else self.corrupted_logprob

    def added_by_mlp(self, layer: int, states: Float[Tensor, "row hidden"]) -> Float[Tensor, "row hidden"]:
        """What a layer's MLP adds to these states."""
        given = (states - self._layers[layer].bias).to(self.clean.final.dtype)
        return at_least_float32(self.clean.left_without_heads(layer, given)) - states

    def _batches(self, heads: Sequence[int]) -> list[Sequence[int]]:
        size = max(1, BATCH_BYTES // (8 * self.clean.final.nbytes))
        return [heads[first : first + size] for first in range(0, len(heads), size)]

    def _taken_apart(self) -> None:
        """What every part writes in both runs, and the proof that its layers are such sums."""
        graph, (clean, broken) = self.graph, (self.clean, self.corrupted)
        like = at_least_float32(clean.final)
        self.moved = like.new_zeros(graph.senders, *like.shape)
        self._layers: list[_Layer] = []
        embedded = at_least_float32(clean.states(0, Site.INPUT)) - at_least_float32(broken.states(0, Site.INPUT))
        for number, group in enumerate(graph.groups):
            self.moved[number, list(group.positions)] = embedded[list(group.positions)]
        for number in range(graph.layers):
            projection, bias = _projection(clean, number)
            one, other = (_of_pass(run, number, projection, bias) for run in (clean, broken))
            self._layers.append(other)
            first = graph.sender_head(number)
            moved = (one.mixed - other.mixed).transpose(0, 1)
            self.moved[first : first + graph.heads] = torch.bmm(moved, projection)
            self.moved[graph.sender_mlp(number)] = one.added_by_mlp - other.added_by_mlp
            left = self.added_by_mlp(number, one.read_by_mlp)
            _check_sum(number, left, one, clean)


def graph_of(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> Graph:
    """The graph for an answer: its groups of tokens are those that there are."""
    there = tuple(group for group in groups(answer, token_targets) if group.positions)
    return Graph(model.card.layers, model.card.heads, there)


def circuit_bytes(model: VisionLanguageModel, answer: Answer, graph: Graph) -> int:
    """Bytes of both runs, of what every part writes, twice, and of a batch of heads."""
    wide = max(4, model.card.number_bytes)
    state = len(answer.layout) * model.card.hidden * wide
    inside = 2 * graph.layers * 6 * state
    return (
        2 * checkpoint_bytes(model, answer) + 2 * graph.senders * state + inside + 4 * decoder_pass_bytes(model, answer)
    )


def check_circuit_memory(model: VisionLanguageModel, answer: Answer, graph: Graph) -> None:
    """Raises NotEnoughMemory where it will not fit."""
    remedy = "Choose an earlier word of the answer, or use a smaller picture."
    check_memory("A circuit", circuit_bytes(model, answer, graph), model, remedy)


def _check_kind(model: VisionLanguageModel) -> None:
    if model.card.without_attention:
        raise NotApplicable(
            f"Some layers of {model.card.name} mix positions without attention, so they are no heads between which "
            f"edges could stand. {BESIDE}"
        )


def _projection(clean: DecoderPass, layer: int) -> tuple[Float[Tensor, "heads size hidden"], Float[Tensor, "hidden"]]:
    """What a layer multiplies its heads' outputs by before it adds them, and what it adds beside."""
    rows = sorted({0, len(clean.final) // 2, len(clean.final) - 1})
    parts = clean.parts(layer, rows)
    spread = float((parts.scale - parts.scale[0]).abs().max())
    if parts.norms or parts.gate is not None or spread > 1e-6 * float(parts.scale.abs().max()):
        raise NotApplicable(
            f"Layer {layer} of this model normalises or gates what its heads write before it adds that, so what a head "
            f"sends depends on all others and has no edge of its own. {BESIDE}"
        )
    return parts.projection() * parts.scale[0], parts.bias[0]


def _of_pass(
    run: DecoderPass, layer: int, projection: Float[Tensor, "heads size hidden"], bias: Float[Tensor, "hidden"]
) -> _Layer:
    """A layer in one of the runs."""
    state = run.states(layer, Site.INPUT)
    mixed = at_least_float32(run.heads_given(layer, state[None])[0])
    state = at_least_float32(state)
    read_by_mlp = state + torch.einsum("rhs,hsd->rd", mixed, projection) + bias
    left = run.final if layer + 1 == run.layers else run.states(layer + 1, Site.INPUT)
    return _Layer(projection, bias, state, read_by_mlp, mixed, at_least_float32(left) - read_by_mlp)


def _check_sum(number: int, added: Float[Tensor, "row hidden"], layer: _Layer, run: DecoderPass) -> None:
    """Raises NotApplicable unless the MLP adds to what the attention was added to."""
    missed = (added - layer.added_by_mlp).norm()
    whole = layer.read_by_mlp.norm() + layer.added_by_mlp.norm()
    if not float(missed) <= torch.finfo(run.final.dtype).eps ** 0.5 * float(whole):
        raise NotApplicable(
            f"The MLP of layer {number} of this model does not read what its attention was added to (both may read the "
            f"same, beside each other), so edges between them are others than these. {BESIDE}"
        )
