"""A checkpointed pass recomputes every layer as it was, and its attention calls see what eager attention sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from core.answer import Answer, Decoding, Question, TokenKind
from core.vlm.generation import ask
from core.vlm.hf import capture
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from tests.hooks import hooks_of
from tests.zoo import load, save_llava, save_qwen

SAVED: dict[str, Callable[[Path], Path]] = {
    "llava": save_llava,
    "qwen": save_qwen,
    "sliding window": lambda folder: save_llava(folder, model_type="mistral", num_key_value_heads=2, sliding_window=8),
    "capped scores": lambda folder: save_llava(
        folder, model_type="gemma2", num_key_value_heads=2, head_dim=16, sliding_window=12, attn_logit_softcapping=1.0
    ),
    "sinks": lambda folder: save_llava(
        folder, model_type="gpt_oss", num_key_value_heads=2, head_dim=16, sliding_window=12, num_local_experts=4
    ),
}


@pytest.fixture(scope="module", params=list(SAVED))
def any_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A model of each kind of decoder in turn."""
    return load(SAVED[request.param](tmp_path_factory.mktemp("network")))


def asked(model: TransformersModel, *pictures: Image.Image, tokens: int = 5, text: str = "the the dog") -> Answer:
    return ask(model, Question(text, pictures, decoding=Decoding(max_new_tokens=tokens)))


def eager_attention(model: TransformersModel, answer: Answer, tokens: int) -> torch.Tensor:
    """(layers, heads, position, position) of a second, eager network over prompt and the first answer tokens."""
    network = AutoModelForImageTextToText.from_pretrained(model.card.source, attn_implementation="eager").eval()
    more = torch.tensor([answer.token_ids[:tokens]], dtype=torch.long)
    inputs = {**answer.inputs, "input_ids": torch.cat([answer.inputs["input_ids"], more], 1)}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], 1)
    with torch.no_grad():
        return torch.stack([layer[0] for layer in network(**inputs, output_attentions=True).attentions])


def test_every_layer_is_recomputed_as_it_was(any_model: TransformersModel, picture: Image.Image) -> None:
    for answer in (asked(any_model, picture), asked(any_model, tokens=1), asked(any_model, picture, picture, tokens=2)):
        checkpoints = any_model.checkpointed(answer)
        assert (checkpoints.start, checkpoints.layers, len(checkpoints.final)) == (
            0,
            any_model.card.layers,
            len(answer.layout) - 1,
        )
        expected = [*checkpoints.inputs[1:], checkpoints.final]
        for layer in range(checkpoints.layers):
            for grad in (True, False):
                with checkpoints.recompute(layer, grad=grad) as recomputed:
                    assert recomputed.input.requires_grad == recomputed.output.requires_grad == grad
                    torch.testing.assert_close(recomputed.output, expected[layer])
        logits = any_model.unembed(checkpoints.final[len(answer.prompt_tokens) - 1 :])
        torch.testing.assert_close(logits, any_model.replay_logits(answer))
        ids = [answer.token_ids[0], 7]
        normed = any_model.network.get_decoder().norm(checkpoints.final[-1])
        torch.testing.assert_close(any_model.unembedding_rows(ids) @ normed, logits[-1, ids])


def test_attention_calls_see_what_eager_attention_sees(
    any_model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(any_model, picture)
    rows = len(answer.layout) - 1
    expected = eager_attention(any_model, answer, 4)
    checkpoints = any_model.checkpointed(answer)
    some = torch.tensor([rows - 1, 3, 11, 4])
    for layer in range(checkpoints.layers):
        with checkpoints.recompute(layer) as recomputed:
            (call,) = recomputed.attention_calls
            torch.testing.assert_close(call.rows(range(rows)), expected[layer], atol=1e-6, rtol=1e-4)
            span = call.span(some)
            torch.testing.assert_close(call.rows(some, span), expected[layer][:, some, span], atol=1e-6, rtol=1e-4)
            weights = torch.zeros(2, rows).index_fill(1, some, 0.5) + torch.eye(2, rows)
            torch.testing.assert_close(call.mixed(weights), weights @ expected[layer].mean(0), atol=1e-6, rtol=1e-4)
            outside = expected[layer][:, some].clone()
            outside[..., span] = 0
            assert bool((outside == 0).all())
            # The heads' outputs are these rows times the values, and the layer's output depends on them.
            values = call.value.repeat_interleave(any_model.card.heads // any_model.card.key_value_heads, 0)
            torch.testing.assert_close((expected[layer] @ values).transpose(0, 1), call.output, atol=1e-5, rtol=1e-4)
            (gradient,) = torch.autograd.grad(recomputed.output.sum(), call.output)
            assert float(gradient.abs().min(-1).values.max()) > 0
            # The same without what follows in the layer.
            mlp = any_model.network.get_decoder().layers[layer].mlp
            with monkeypatch.context() as patch:
                patch.setattr(mlp, "forward", lambda _: 1 / 0)
                given = checkpoints.attention(layer)
            assert given is not None and given.output.shape == call.output.shape
            assert bool(given.output.isnan().all()) and (given.offset, given.causal) == (call.offset, call.causal)
            for part in ("query", "key", "value"):
                assert torch.equal(getattr(given, part), getattr(call, part))


def test_any_rows_are_looked_up_from_one_replay(
    any_model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(any_model, picture)
    expected = eager_attention(any_model, answer, 5)
    queries = [len(answer.layout) - 1, 0, 20, 3, 20]
    passes: list[int] = []
    forward = any_model.network.forward
    monkeypatch.setattr(any_model.network, "forward", lambda **inputs: passes.append(1) or forward(**inputs))
    rows = any_model.attention_rows(answer, queries)
    assert len(passes) == 1 and rows.shape[-1] == len(answer.layout)
    torch.testing.assert_close(rows, expected[:, :, queries], atol=1e-6, rtol=1e-4)
    assert answer.attention is not None
    own = range(len(answer.prompt_tokens) - 1, len(answer.layout) - 1)
    torch.testing.assert_close(any_model.attention_rows(answer, own), answer.attention.weights, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("anew", [False, True])
def test_a_pass_from_the_middle_has_the_same_rows(
    any_model: TransformersModel, picture: Image.Image, anew: bool
) -> None:
    answer = asked(any_model, picture, text="Where is the dog? the the")
    whole = any_model.checkpointed(answer)
    if anew:
        any_model.forget()
    after = max(answer.layout.positions(TokenKind.IMAGE)) + 1
    assert any_model.checkpointed(answer, after - 1).start == 0
    for start in (after, after + 3, len(answer.prompt_tokens) - 1):
        part = any_model.checkpointed(answer, start)
        assert (part.start, len(part.final)) == (start, len(whole.final) - start)
        torch.testing.assert_close(part.final, whole.final[start:], atol=1e-5, rtol=1e-4)
        for layer in range(whole.layers):
            with part.recompute(layer) as recomputed, whole.recompute(layer) as complete:
                torch.testing.assert_close(recomputed.output, complete.output[start:], atol=1e-5, rtol=1e-4)
                (call,), (other,) = recomputed.attention_calls, complete.attention_calls
                assert call.offset == start and call.key.shape == other.key.shape
                rows = range(len(part.final))
                expected = other.rows(range(start, len(whole.final)))
                torch.testing.assert_close(call.rows(rows), expected, atol=1e-6, rtol=1e-4)
    # Played twice, it is still the same: nothing was added to the kept keys.
    with part.recompute(0) as first, part.recompute(0) as second:
        assert torch.equal(first.output, second.output) and len(first.attention_calls[0].key[0]) == len(
            second.attention_calls[0].key[0]
        )


def test_gradients_of_what_stands_before_are_never_made(any_model: TransformersModel, picture: Image.Image) -> None:
    answer = asked(any_model, picture)
    start = len(answer.prompt_tokens) - 1
    with any_model.checkpointed(answer, start).recompute(1) as recomputed:
        (cut,) = recomputed.cuts
        rows = len(recomputed.output)
        assert cut.query.shape[2] == cut.key.shape[2] == cut.value.shape[2] == rows
        assert cut.live == cut.calls[0].key.shape[1] - rows > 0


def test_an_answer_of_one_token_and_an_empty_one(model: TransformersModel, picture: Image.Image) -> None:
    for tokens in (0, 1):
        answer = asked(model, picture, tokens=tokens)
        assert len(model.checkpointed(answer).final) == len(answer.prompt_tokens)


def test_a_family_that_shares_nothing_gives_the_whole_pass(model: TransformersModel, picture: Image.Image) -> None:
    answer = asked(model, picture)
    undescribed = TransformersModel(model.network, model.processor, Undescribed("unknown"), model.card)
    checkpoints = undescribed.checkpointed(answer, 20)
    assert checkpoints.start == 0
    torch.testing.assert_close(checkpoints.final, model.checkpointed(answer).final)


def test_a_pass_starts_within_the_prompt(model: TransformersModel, picture: Image.Image) -> None:
    answer = asked(model, picture)
    for start in (-1, len(answer.prompt_tokens)):
        with pytest.raises(ValueError, match="within the prompt"):
            model.checkpointed(answer, start)


def test_a_freed_layer_is_not_recomputed(model: TransformersModel, picture: Image.Image) -> None:
    checkpoints = model.checkpointed(asked(model, picture))
    checkpoints.free(1)
    with (
        checkpoints.recompute(0),
        pytest.raises(ValueError, match="layer 1 of this checkpointed pass was freed"),
        checkpoints.recompute(1),
    ):
        pass


def test_weights_are_frozen_and_given_back(model: TransformersModel, picture: Image.Image) -> None:
    answer = asked(model, picture)
    parameters = list(model.network.parameters())
    parameters[0].requires_grad_(False)
    before = [parameter.requires_grad for parameter in parameters]
    checkpoints = model.checkpointed(answer)
    with checkpoints.recompute(2) as recomputed:
        assert [parameter.requires_grad for parameter in parameters] == before
        recomputed.output.sum().backward()
        assert recomputed.input.grad is not None
    model.unembed(checkpoints.final.detach().requires_grad_()).sum().backward()
    assert all(parameter.grad is None for parameter in parameters)
    assert [parameter.requires_grad for parameter in parameters] == before
    parameters[0].requires_grad_(True)


def test_no_graph_outlives_its_block(model: TransformersModel, picture: Image.Image) -> None:
    checkpoints = model.checkpointed(asked(model, picture))
    with checkpoints.recompute(1) as recomputed:
        (call,) = recomputed.attention_calls
    assert vars(recomputed) == {} == vars(call)


def test_an_error_while_recording_or_recomputing_leaves_no_trace(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(model, picture)
    checkpoints, before = model.checkpointed(answer), hooks_of(model)
    model.forget()
    layer = model.network.get_decoder().layers[1]
    with monkeypatch.context() as patch:
        patch.setattr(layer.mlp, "forward", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.checkpointed(answer)
        with pytest.raises(ZeroDivisionError), checkpoints.recompute(1):
            pass
    with pytest.raises(KeyError), checkpoints.recompute(1):
        raise KeyError
    assert capture._observer.get() is None
    assert all(parameter.requires_grad for parameter in model.network.parameters())
    assert hooks_of(model) == before
    assert not model.lock.mine()


def test_no_attention_is_observed_outside_a_block_or_of_the_other_kind(
    llava: TransformersModel, picture: Image.Image
) -> None:
    prepared = llava.prepare(Question("Where?", (picture,)))
    observed: dict[str, int] = {}
    for name in (capture.NAME, capture.TOWER):
        observed[name] = 0

        def count(_: object, name: str = name) -> None:
            observed[name] += 1

        with capture.observing(name, count, torch.device("cpu")):
            llava.forget()
            llava.begin(prepared)
    llava.forget()
    llava.begin(prepared)
    assert observed == {capture.NAME: 3, capture.TOWER: 2}
