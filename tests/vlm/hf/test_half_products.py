"""Half precision multiplied in float32: the same numbers, rounded once, and the same gradients."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from core.vlm.hf import half_products
from core.vlm.hf.half_products import LEAST_ROWS, LinearInFloat32, multiply_in_float32
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model

PRECISIONS = [torch.bfloat16, torch.float16]


@pytest.fixture(autouse=True, params=[5, 1000])
def _no_half_products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that has none, with weights in blocks of few rows or in one."""
    monkeypatch.setattr(half_products, "without_half_products", lambda _, dtype: dtype in half_products.HALF)
    monkeypatch.setattr(half_products, "BLOCK_BYTES", 4 * 12 * request.param)


def linear(dtype: torch.dtype, bias: bool, trainable: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    made = torch.nn.Sequential(torch.nn.Linear(12, 17, bias)).to(dtype).requires_grad_(trainable)
    multiply_in_float32(made)
    assert type(made[0]) is LinearInFloat32
    return made


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("rows", [LEAST_ROWS - 1, 23])
def test_products_and_gradients_are_those_of_float64(
    dtype: torch.dtype, bias: bool, trainable: bool, rows: int
) -> None:
    module = linear(dtype, bias, trainable)
    exact = copy.deepcopy(module).double()
    input = torch.randn(1, rows, 12).to(dtype).requires_grad_()
    given = torch.randn(3, 1, rows, 17).to(dtype)
    output, expected = module(input), exact(input.double())
    near = {"atol": 1e-3, "rtol": 2 * torch.finfo(dtype).eps}
    assert output.dtype == dtype
    torch.testing.assert_close(output.double(), expected, **near)
    with torch.no_grad():
        torch.testing.assert_close(module(input), output, **near)
    (together,) = torch.autograd.grad(output, input, given, retain_graph=True, is_grads_batched=True)
    (pulled,) = torch.autograd.grad(expected, input, given.double(), retain_graph=True, is_grads_batched=True)
    torch.testing.assert_close(together.double(), pulled.double(), atol=2e-2, rtol=2 * torch.finfo(dtype).eps)
    if trainable:
        ours, theirs = (
            torch.autograd.grad(made, list(of.parameters()), grad)
            for made, of, grad in ((output, module, given[0]), (expected, exact, given[0].double()))
        )
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one.double(), other, atol=5e-2, rtol=4 * torch.finfo(dtype).eps)


def test_a_loaded_network_multiplies_so_in_half_precision_alone(llava_folder: Path, llava: TransformersModel) -> None:
    half = load_model(ModelSpec(str(llava_folder), dtype="bfloat16"))
    assert isinstance(half, TransformersModel)
    for model, made in ((half, LinearInFloat32), (llava, torch.nn.Linear)):
        assert {type(module) for module in model.network.modules() if isinstance(module, torch.nn.Linear)} == {made}
    # A copy multiplies with its own weights.
    copied = copy.deepcopy(half.network.lm_head)
    copied.weight.data.zero_()
    assert not copied(torch.ones(LEAST_ROWS, copied.in_features, dtype=torch.bfloat16)).any()
