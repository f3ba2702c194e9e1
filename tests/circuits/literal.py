"""Edges by bookkeeping: a decoder written out in float64, in which every part has a residual stream of its own.

Nothing of the package computes here: weights are read off a `transformers` network, and a part's input is added up from
what each other part has written, one term after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Written = dict[tuple[str, int, int], Tensor]
"""What each part writes [row hidden], by kind ("source", "head", "mlp"), layer and number."""
Key = tuple[str, int, int]


def order(layers: int, heads: int, groups: int) -> list[Key]:
    """Senders from below."""
    of_layer: list[tuple[str, int]] = [*(("head", head) for head in range(heads)), ("mlp", -1)]
    inside = [(kind, layer, number) for layer in range(layers) for kind, number in of_layer]
    return [*(("source", -1, group) for group in range(groups)), *inside]


@dataclass
class Literal:
    """The decoder of a network of some family whose blocks are norm, attention, add, norm, MLP, add."""

    network: Any
    rows: int

    def __post_init__(self) -> None:
        self.decoder = self.network.get_decoder()
        config = self.decoder.config
        self.layers, self.heads = config.num_hidden_layers, config.num_attention_heads
        self.groups = config.num_key_value_heads
        self.size = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        positions = torch.arange(self.rows)[None]
        self.cos, self.sin = self.decoder.rotary_emb(torch.zeros(1, self.rows, 4, dtype=torch.float64), positions)
        self.cos, self.sin = self.cos[0].double(), self.sin[0].double()

    def norm(self, module: Any, states: Tensor) -> Tensor:
        spread = (states**2).mean(-1, keepdim=True)
        return states / (spread + module.variance_epsilon) ** 0.5 * module.weight.double()

    def turned(self, states: Tensor) -> Tensor:
        half = self.size // 2
        turned = torch.cat([-states[:, half:], states[:, :half]], -1)
        return states * self.cos + turned * self.sin

    def head(self, layer: int, head: int, state: Tensor) -> Tensor:
        """What one head writes where `state` is what it alone reads."""
        block = self.decoder.layers[layer]
        attention, read = block.self_attn, self.norm(block.input_layernorm, state)
        group = head * self.groups // self.heads

        def projected(name: str, number: int) -> Tensor:
            rows = slice(number * self.size, (number + 1) * self.size)
            if hasattr(attention, "qkv_proj"):
                first = {"q": 0, "k": self.heads, "v": self.heads + self.groups}[name] * self.size
                rows = slice(first + rows.start, first + rows.stop)
                return read @ attention.qkv_proj.weight[rows].double().T
            module = getattr(attention, f"{name}_proj")
            made = read @ module.weight[rows].double().T
            return made if module.bias is None else made + module.bias[rows].double()

        query, key = self.turned(projected("q", head)), self.turned(projected("k", group))
        scores = query @ key.T / self.size**0.5
        hidden = torch.ones(self.rows, self.rows, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        columns = slice(head * self.size, (head + 1) * self.size)
        return weights @ projected("v", group) @ attention.o_proj.weight[:, columns].double().T

    def mlp(self, layer: int, state: Tensor) -> Tensor:
        block = self.decoder.layers[layer]
        made: Tensor = block.mlp(self.norm(block.post_attention_layernorm, state)[None])[0]
        return made

    def logprob(self, state: Tensor, position: int, token: int, rival: int | None) -> Tensor:
        read = self.norm(self.decoder.norm, state)[position]
        logprobs = (read @ self.network.lm_head.weight.double().T).log_softmax(-1)
        return logprobs[token] - (0 if rival is None else logprobs[rival])

    def run(
        self, sources: list[Tensor], instead: Written | None = None, kept: set[tuple[Key, Key]] | None = None
    ) -> tuple[Written, Tensor]:
        """What every part writes, and what the last norm reads. An edge that is not among `kept` carries what its
        sender wrote `instead`."""
        written: Written = {("source", -1, number): source for number, source in enumerate(sources)}

        def comes(receiver: Key, senders: list[Key]) -> Tensor:
            total = torch.zeros_like(sources[0])
            for sender in senders:
                whole = kept is None or (sender, receiver) in kept
                total = total + (written[sender] if whole or instead is None else instead[sender])
            return total

        below: list[Key] = list(written)
        for layer in range(self.layers):
            made = {}
            for head in range(self.heads):
                made["head", layer, head] = self.head(layer, head, comes(("head", layer, head), below))
            written.update(made)
            below = [*below, *made]
            written["mlp", layer, -1] = self.mlp(layer, comes(("mlp", layer, -1), below))
            below = [*below, ("mlp", layer, -1)]
        return written, comes(("logits", self.layers, -1), below)
