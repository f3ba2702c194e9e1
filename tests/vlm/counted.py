"""A count of the passes that a model really makes, by the attention in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from core.answer import Answer
from core.vlm import attention_gradient
from core.vlm.hf import capture
from core.vlm.hf.network import TransformersModel
from core.vlm.pass_costs import rows


@dataclass
class Counted:
    """Passes of the decoder over an answer's rows, those of gradients, and passes of the tower."""

    forward: float = 0.0
    backward: float = 0.0
    tower: float = 0.0


@contextmanager
def counting(model: TransformersModel, answer: Answer) -> Iterator[Counted]:
    """What is made in this block, as shares of whole passes over the answer."""
    counted, whole = Counted(), model.card.layers * rows(answer)
    layers_of_tower = model.network.config.vision_config.num_hidden_layers
    attend, bring = capture._attend, attention_gradient._of_stacked
    depth = {True: "forward", False: "tower"}

    def attended(module: torch.nn.Module, query: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        own = module in capture._numbers
        share = len(query) * query.shape[2] / whole if own else len(query) / layers_of_tower
        setattr(counted, depth[own], getattr(counted, depth[own]) + share)
        return attend(module, query, *args, **kwargs)

    def brought(call: Any, sequences: int, gradient: torch.Tensor, *args: Any) -> Any:
        # (a tower's attention sees what stands after a row, too)
        if call.causal or call.mask is not None:
            counted.backward += len(gradient) * gradient.shape[2] / whole
        return bring(call, sequences, gradient, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "_attend", attended)
        patch.setattr(attention_gradient, "_of_stacked", brought)
        yield counted
