"""Networks whose heads are laid out in every way that the zoo has, in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.vlm.hf.network import TransformersModel
from tests.zoo import load, save_deepstack, save_llava, save_qwen

SAVED: dict[str, Callable[[Path], Path]] = {
    "llava": save_llava,
    "shared keys": save_qwen,
    "fused projections": lambda folder: save_llava(folder, model_type="phi3", num_key_value_heads=2),
    "capped scores and norms after": lambda folder: save_llava(
        folder, model_type="gemma2", num_key_value_heads=2, head_dim=16, sliding_window=12, attn_logit_softcapping=1.0
    ),
    "heads wider than the state": lambda folder: save_llava(folder, head_dim=24),
    "features between layers": save_deepstack,
}


@pytest.fixture(scope="module", params=list(SAVED))
def double(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A model of each kind in turn, computing in float64."""
    model = load(SAVED[request.param](tmp_path_factory.mktemp("network")))
    model.network.double()
    return model
