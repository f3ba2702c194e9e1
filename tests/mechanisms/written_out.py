"""What heads write, one head and one position at a time, in float64: what `core.mechanisms` is measured against.

A second network is loaded from the same folder and runs under the written-out attention of `tests.literal`.
A head's contribution is what the *real* output projection makes of its output alone, and norms are written out from
their formula and their weights. Nothing here uses checkpointed passes, parts or a model's readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.answer import Answer
from core.vlm.targets import TokenTarget
from tests import literal
from tests.eager import whole_inputs


@cache
def network_of(folder: str) -> Any:
    """A folder's network in float64, loaded once."""
    return literal.network_of(Path(folder)).requires_grad_(False)


def norm_of(module: Any, states: Tensor, scaled_as: Tensor, *, shift: bool = True) -> Tensor:
    """A norm of `states` with the scale it has for `scaled_as`: w x / rms, with Gemma's 1 + w, or a layer norm's."""
    weight = module.weight.detach().double()
    if "Gemma" in type(module).__name__:
        weight = 1 + weight
    if not isinstance(module, torch.nn.LayerNorm) and "LayerNorm" not in type(module).__name__:
        eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        return weight * states / (scaled_as.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    centred = scaled_as - scaled_as.mean(-1, keepdim=True)
    scale = (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    own = weight * (states - states.mean(-1, keepdim=True)) / scale
    bias = getattr(module, "bias", None)
    return own if bias is None or not shift else own + bias.detach().double()


@dataclass
class Layer:
    """One layer: what entered it [position hidden], attention [heads n n], values [heads n size], and its modules."""

    entered: Tensor
    attention: Tensor
    value: Tensor
    module: Any

    def written(self, outputs: Tensor, row: int) -> Tensor:
        """What the layer adds at a row for heads' outputs [heads size], norms after the attention frozen."""
        project = self.module.self_attn.o_proj
        made: Tensor = project(outputs.flatten()) - project(torch.zeros_like(outputs.flatten()))
        if hasattr(self.module, "pre_feedforward_layernorm"):
            whole = project((self.attention[:, row, None] @ self.value).flatten())
            made = norm_of(self.module.post_attention_layernorm, made, whole)
        return made

    def head(self, row: int, head: int) -> Tensor:
        """What a head adds at a row [hidden]."""
        outputs = torch.zeros(len(self.attention), self.value.shape[-1]).double()
        outputs[head] = self.attention[head, row] @ self.value[head]
        return self.written(outputs, row)

    def source(self, row: int, head: int, position: int) -> Tensor:
        """What a head adds at a row from one position [hidden]."""
        outputs = torch.zeros(len(self.attention), self.value.shape[-1]).double()
        outputs[head] = self.attention[head, row, position] * self.value[head, position]
        return self.written(outputs, row)


class WrittenOut:
    """A whole pass over an answer, and the log-probabilities of states under the frozen final norm."""

    def __init__(self, folder: Path | str, answer: Answer, softcap: float | None = None) -> None:
        network = network_of(str(folder))
        decoder = network.get_decoder()
        entered: list[Tensor] = []

        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            entered.append((args[0] if args else kwargs["hidden_states"])[0])

        hooks = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in decoder.layers]
        hooks.append(decoder.norm.register_forward_pre_hook(lambda _, args: entered.append(args[0][0])))
        literal.kept.clear()
        try:
            network(**whole_inputs(answer, answer.token_ids), use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        attended = [(weights[0], value[0]) for module, weights, value in literal.kept if module.is_causal]
        literal.kept.clear()
        parts = zip(entered, attended, decoder.layers, strict=False)
        self.layers = [Layer(state, *attention, module) for state, attention, module in parts]
        self.states = entered
        self.final = entered[-1]
        self.norm, self.head, self.softcap = decoder.norm, network.lm_head, softcap

    def logits(self, state: Tensor, row: int) -> Tensor:
        """The logits of a state with the norm's scale of the last layer's state at that row."""
        products: Tensor = self.head(norm_of(self.norm, state, self.final[row]))
        return products if self.softcap is None else self.softcap * torch.tanh(products / self.softcap)

    def logprob(self, state: Tensor, row: int, token_target: TokenTarget) -> float:
        """log p(token) of a state, less log p(rival) for a contrast."""
        logprobs = self.logits(state, row).log_softmax(-1)
        return float(logprobs[token_target.token] - (0 if token_target.rival is None else logprobs[token_target.rival]))

    def increase(self, layer: int, added: Tensor, row: int, token_target: TokenTarget) -> float:
        """log p(w | x + o) - log p(w | x)."""
        state = self.layers[layer].entered[row]
        return self.logprob(state + added, row, token_target) - self.logprob(state, row, token_target)
