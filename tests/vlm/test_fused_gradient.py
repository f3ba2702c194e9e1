"""The backward pass of attention by the fused kernel against autograd through softmax written out, in float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.vlm import attention_gradient
from core.vlm.attention_call import AttentionCall
from core.vlm.attention_gradient import AttentionGradients, attention_gradients
from core.vlm.fused_gradient import is_quicker


def call_of(dtype: torch.dtype, *, heads: int = 4, key_value_heads: int = 2, causal: bool = True) -> AttentionCall:
    """Attention over 19 positions, heads of 6 numbers, drawn alike for all precisions."""
    drawn = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(count, 19, 6, generator=drawn).to(dtype) for count in (heads, *[key_value_heads] * 2)
    )
    return AttentionCall(
        query=query, key=key, value=value, output=query, mask=None, causal=causal, scaling=0.7, softcap=None, offset=0
    )


def given_to(calls: int, targets: int, dtype: torch.dtype, heads: int = 4) -> torch.Tensor:
    return torch.randn(targets, calls, 19, heads, 6, generator=torch.Generator().manual_seed(1)).to(dtype)


def literal(call: AttentionCall, given: torch.Tensor) -> list[list[torch.Tensor]]:
    """For each gradient [query heads size] those of queries, keys and values."""
    parts = [part.double().requires_grad_() for part in (call.query, call.key, call.value)]
    each = len(call.query) // len(call.key)
    key, value = (part.repeat_interleave(each, 0) for part in parts[1:])
    scores = parts[0] @ key.transpose(1, 2) * call.scaling
    if call.causal:
        scores = scores.masked_fill(torch.ones(19, 19).triu(1).bool(), float("-inf"))
    output = scores.softmax(-1) @ value
    return [list(torch.autograd.grad(output, parts, own.double().transpose(0, 1), retain_graph=True)) for own in given]


def check(got: AttentionGradients, calls: list[AttentionCall], given: torch.Tensor, live: int = 0) -> None:
    for sequence, call in enumerate(calls):
        for target, expected in enumerate(literal(call, given[:, sequence])):
            for name, first, own in zip(("query", "key", "value"), (0, live, live), expected, strict=True):
                actual = getattr(got, name)[target, sequence]
                torch.testing.assert_close(actual.double(), own[:, first:], atol=2e-5, rtol=1e-4)


@pytest.fixture
def no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test fails where blocks of rows are gone through."""
    monkeypatch.setattr(attention_gradient, "_Backward", None)


@pytest.mark.usefixtures("no_blocks")
@pytest.mark.parametrize("dtype", (torch.float64, torch.float32, torch.bfloat16, torch.float16))
@pytest.mark.parametrize("causal", (True, False))
def test_gradients_equal_those_of_softmax_written_out(dtype: torch.dtype, causal: bool) -> None:
    call, given = call_of(dtype, causal=causal), given_to(1, 3, dtype)
    check(attention_gradients([call], given), [call], given)


@pytest.mark.usefixtures("no_blocks")
def test_windows_of_a_tower_go_together_and_constant_keys_are_left_out() -> None:
    calls = [call_of(torch.float32, causal=False) for _ in range(3)]
    calls[1] = replace(calls[1], query=calls[1].query.flip(1))
    given = given_to(3, 2, torch.float32)
    check(attention_gradients(calls, given, live=5), calls, given, live=5)


def test_only_what_the_kernel_can_do_is_left_to_it() -> None:
    call, given = call_of(torch.float32), given_to(1, 1, torch.float32)
    assert is_quicker(call, given)
    few = given.clone()
    few[:, :, :-2] = 0
    assert not is_quicker(call, few)
    for other in (
        replace(call, mask=torch.ones(1, 19, 19, dtype=torch.bool)),
        replace(call, softcap=2.0),
        replace(call, sinks=torch.zeros(4)),
        replace(call, query=call.query[:, 9:], offset=9),
        replace(call, value=call.value[..., :4]),
    ):
        assert not is_quicker(other, given), other


def test_the_kernel_is_the_fused_one() -> None:
    """PyTorch's own choice: were it to form the whole matrix, long sequences would take far more memory."""
    call = call_of(torch.float32)
    query, key, value = (part[None].requires_grad_() for part in (call.query, call.key, call.value))
    output = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=0.7, enable_gqa=True
    )
    assert output.grad_fn is not None
    assert "FlashAttention" in output.grad_fn.name()
