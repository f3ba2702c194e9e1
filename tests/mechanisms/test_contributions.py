"""What heads and layers add sums to what is there, and what cannot be read so is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.mechanisms.contributions import contributions
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from core.vlm.targets import TokenTarget
from tests.eager import sampled
from tests.hooks import hooks_of
from tests.mechanisms.written_out import WrittenOut
from tests.zoo import load, save_llava
from tests.zoo_hybrid import RECURRENCE

OTHERS: dict[str, dict[str, Any]] = {
    "norms after alone": {"model_type": "olmo2"},
    "a multiplier": {"model_type": "granite", "residual_multiplier": 0.3},
    "attention and MLP beside each other": {"model_type": "cohere"},
    "biases": {"model_type": "starcoder2", "num_key_value_heads": 2},
    "experts": {"model_type": "mixtral", "num_key_value_heads": 2},
    "latent keys": {"model_type": "deepseek_v3"},
    "a gate": {
        "model_type": "qwen3_5_text",
        "num_key_value_heads": 2,
        "head_dim": 16,
        "layer_types": ["full_attention"] * 3,
        **RECURRENCE,
    },
}
"""Decoders that no family here describes."""


@pytest.fixture
def answer(llava: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(llava, "the dog the dog?", picture, tokens=4)


def said(answer: Answer) -> list[TokenTarget]:
    return [TokenTarget(index, token) for index, token in enumerate(answer.token_ids)]


class Packed(torch.nn.Module):
    """A linear module as packages for GPTQ and AWQ have it: its matrix is not to be read, and it says its sizes."""

    def __init__(self, plain: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.register_buffer("packed", plain.weight.detach().t().contiguous())
        self.register_buffer("bias", torch.linspace(-1, 1, self.out_features))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given @ self.packed.to(given) + self.bias.to(given)


def test_packed_weights_are_what_their_module_makes_of_them(
    llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = contributions(llava, answer, said(answer)).layers[0]
    attention = llava.network.model.language_model.layers[0].self_attn
    packed = Packed(attention.o_proj)
    with monkeypatch.context() as patch:
        patch.setitem(attention._modules, "o_proj", packed)
        llava.forget()
        first = contributions(llava, answer, said(answer)).layers[0]
    llava.forget()
    torch.testing.assert_close(first.by_head(), plain.by_head(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(first.bias, packed.bias.expand_as(first.bias))


def test_heads_and_sources_are_those_of_the_real_projection(double: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(double, "the the dog?", picture, tokens=3)
    expected = WrittenOut(double.card.source, answer)
    token_targets = [TokenTarget(2, 7), TokenTarget(0, 7)]
    contributed = contributions(double, answer, token_targets)
    for layer, parts in enumerate(contributed.layers):
        by_head = parts.by_head()
        for row, token_target in enumerate(token_targets):
            position = token_target.position(answer)
            torch.testing.assert_close(parts.state[row], expected.layers[layer].entered[position], atol=1e-6, rtol=1e-5)
            for head in range(4):
                own = expected.layers[layer].head(position, head)
                torch.testing.assert_close(by_head[row, head], own, atol=2e-6, rtol=1e-5)
                source = parts.by_source([head])[0, row, position - 1] @ parts.projection([head])[0]
                one = expected.layers[layer].source(position, head, position - 1)
                torch.testing.assert_close(source, one, atol=2e-6, rtol=1e-5)


def sums_hold(model: TransformersModel, answer: Answer) -> None:
    """Sources sum to heads, and everything that a layer adds to the state that leaves it."""
    contributed = contributions(model, answer, said(answer))
    afterwards = [*(parts.state for parts in contributed.layers[1:]), contributed.final]
    for parts, after in zip(contributed.layers, afterwards, strict=True):
        heads = list(range(contributed.heads))
        by_head, by_source = parts.by_head(), parts.by_source(heads)
        summed = torch.einsum("hrks,hsd->rhd", by_source, parts.projection())
        torch.testing.assert_close(summed, by_head, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(by_head.sum(1) + parts.bias + parts.mlp, parts.added, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(parts.state + parts.added, after.float(), atol=1e-5, rtol=1e-4)


def test_parts_sum_to_the_stream(model: TransformersModel, picture: Image.Image) -> None:
    sums_hold(model, sampled(model, "the dog the dog?", picture, tokens=4))
    sums_hold(model, sampled(model, "Why?", picture, picture, tokens=1))
    sums_hold(model, sampled(model, "the the", tokens=2))


@pytest.mark.parametrize("kind", list(OTHERS))
def test_families_that_nobody_described_are_read_too(kind: str, tmp_path: Path, picture: Image.Image) -> None:
    model = load(save_llava(tmp_path, **OTHERS[kind]))
    with torch.no_grad():
        for name, parameter in model.network.get_decoder().named_parameters():
            if name.endswith("bias"):
                parameter.uniform_(-0.1, 0.1)
    sums_hold(model, sampled(model, "the dog?", picture, tokens=2))


def test_a_gated_head_adds_what_the_projection_makes_of_it_alone(tmp_path: Path, picture: Image.Image) -> None:
    model = load(save_llava(tmp_path, **OTHERS["a gate"]))
    answer = sampled(model, "the dog?", picture, tokens=2)
    projection = model.network.get_decoder().layers[1].self_attn.o_proj
    given: list[torch.Tensor] = []
    hook = projection.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    model.replay_logits(answer)
    hook.remove()
    rows = given[0][0, [target.position(answer) for target in said(answer)]]
    by_head = contributions(model, answer, said(answer)).layers[1].by_head()
    for head in range(model.card.heads):
        alone = torch.zeros_like(rows)
        alone[:, 16 * head : 16 * (head + 1)] = rows[:, 16 * head : 16 * (head + 1)]
        torch.testing.assert_close(by_head[:, head], projection(alone), atol=1e-5, rtol=1e-4)


def test_a_multiplier_is_told_in_half_precision_under_a_large_state(tmp_path: Path, picture: Image.Image) -> None:
    save_llava(tmp_path, **OTHERS["a multiplier"])
    model = load_model(ModelSpec(str(tmp_path), "bfloat16", "cpu"))
    assert isinstance(model, TransformersModel)
    # A state of a hundred times what is added to it.
    model.network.get_input_embeddings().weight.data *= 30
    answer = sampled(model, "the dog?", picture, tokens=4)
    for parts in contributions(model, answer, said(answer)).layers:
        assert float(parts.state.norm() / parts.added.norm()) > 50
        assert parts.scale.tolist() == pytest.approx([0.3] * 4, rel=0.1)


def test_a_family_that_shares_no_prefix_is_read_from_a_whole_pass(llava: TransformersModel, answer: Answer) -> None:
    stranger = TransformersModel(llava.network, llava.processor, Undescribed("stranger"), llava.card)
    one, other = (contributions(model, answer, said(answer)) for model in (llava, stranger))
    for parts, twin in zip(one.layers, other.layers, strict=True):
        torch.testing.assert_close(parts.by_head(), twin.by_head(), atol=1e-6, rtol=1e-4)
        width = parts.attention.shape[-1]
        torch.testing.assert_close(parts.attention, twin.attention[..., :width], atol=1e-6, rtol=1e-4)


def test_one_unit_alone_is_its_row(llava: TransformersModel, answer: Answer) -> None:
    contributed = contributions(llava, answer, said(answer))
    alone, direct = contributed.of(2), contributions(llava, answer, said(answer)[2:3])
    assert alone.token_targets == direct.token_targets
    torch.testing.assert_close(alone.final, direct.final)
    for parts, other in zip(alone.layers, direct.layers, strict=True):
        torch.testing.assert_close(parts.by_head(), other.by_head())
        torch.testing.assert_close(parts.by_source([1]), other.by_source([1]))
        torch.testing.assert_close(parts.bias + parts.mlp, other.added - other.by_head().sum(1), atol=1e-6, rtol=1e-4)


def doubled(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
    return 2 * output


def bent(_: Any, __: Any, output: Any) -> Any:
    return (torch.tanh(output[0]), *output[1:]) if isinstance(output, tuple) else torch.tanh(output)


@pytest.mark.parametrize(
    ("where", "change", "why"),
    [
        (lambda layer: layer, doubled, "does not simply add"),
        (lambda layer: layer.self_attn, bent, "adds more through its attention than its heads"),
        (lambda layer: layer.self_attn.o_proj, bent, "adds more through its attention than its heads"),
    ],
)
def test_a_layer_that_is_no_such_sum_is_refused(
    where: Callable[[Any], Any], change: Any, why: str, llava: TransformersModel, answer: Answer
) -> None:
    hook = where(llava.network.get_decoder().layers[1]).register_forward_hook(change)
    try:
        with pytest.raises(NotApplicable, match=f"Layer 1 of this model {why}.*told apart. Choose hiding pixels, "):
            contributions(llava, answer, said(answer))
    finally:
        hook.remove()


def test_heads_without_a_projection_of_their_own_are_refused(
    llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = llava.network.get_decoder().layers[0].self_attn
    monkeypatch.setitem(attention._modules, "o_proj", torch.nn.Sequential(torch.nn.Tanh(), attention.o_proj))
    with pytest.raises(NotApplicable, match=r"Layer 0 .* does not hand what its heads found to one output projection"):
        contributions(llava, answer, said(answer))


def test_nothing_is_left_on_the_layers(llava: TransformersModel, answer: Answer) -> None:
    before = hooks_of(llava)
    contributions(llava, answer, said(answer))
    hook = llava.network.get_decoder().layers[1].self_attn.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        contributions(llava, answer, said(answer))
    hook.remove()
    assert hooks_of(llava) == before


def test_what_cannot_be_read_is_said(llava: TransformersModel, answer: Answer) -> None:
    token_target = TokenTarget(0, answer.token_ids[0])
    with pytest.raises(OtherModel, match="another model"):
        contributions(llava, replace(answer, model="another"), [token_target])
    with pytest.raises(NotApplicable, match="does not have"):
        contributions(llava, answer, [replace(token_target, index=4)])
    with pytest.raises(NotApplicable, match=r"has \d+ tokens.*Type another word"):
        contributions(llava, answer, [replace(token_target, rival=llava.card.vocabulary)])
    with pytest.raises(NotApplicable, match="no token to explain"):
        contributions(llava, answer, [])


def test_it_is_stopped_between_layers_and_refuses_what_does_not_fit(
    llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, told = CancelToken(), []

    def first(done: float) -> None:
        told.append(done)
        cancel.cancel()

    with pytest.raises(Cancelled):
        contributions(llava, answer, said(answer), cancel=cancel, progress=first)
    assert told == [pytest.approx(1 / 3)]
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 2**10)
    with pytest.raises(NotEnoughMemory, match=r"needs about [\d.]+ .B .* Choose fewer tokens"):
        contributions(llava, answer, said(answer))
