"""Decoders with layers that remember something else than keys and values: what is kept of a prompt is what
transformers, which keeps nothing between questions, would have read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, Turn
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_attentions
from tests.families import save_gemma3
from tests.zoo import load, save_llava
from tests.zoo_hybrid import save_convolutional, save_qwen3_5, save_recurrent

FIVE = Decoding(max_new_tokens=5)


def save_sliding(folder: Path) -> Path:
    """A LLaVA whose window is smaller than its picture, in every other layer."""
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    return save_llava(folder, model_type="qwen2", layer_types=kinds, use_sliding_window=True, sliding_window=7)


def save_chunked(folder: Path) -> Path:
    """A LLaVA over the decoder of Llama 4, two of whose layers attend within chunks smaller than its picture."""
    kinds = ["chunked_attention", "chunked_attention", "full_attention"]
    experts = {"intermediate_size_mlp": 96, "num_local_experts": 2, "interleave_moe_layer_step": 1}
    heads = {"num_key_value_heads": 2, "head_dim": 16, "no_rope_layers": [1, 1, 0]}
    return save_llava(folder, model_type="llama4_text", attention_chunk_size=16, layer_types=kinds, **experts, **heads)


SAVERS: dict[str, Callable[[Path], Path]] = {
    "convolutions": save_convolutional,
    "recurrences": save_recurrent,
    "sliding windows": save_sliding,
    "chunks": save_chunked,
    "Gemma 3": save_gemma3,
    "Qwen3.5": save_qwen3_5,
}
HYBRIDS = ["convolutions", "recurrences"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TransformersModel]:
    models: dict[str, TransformersModel] = {}

    def of(name: str) -> TransformersModel:
        if name not in models:
            models[name] = load(SAVERS[name](tmp_path_factory.mktemp("hybrid")))
        return models[name]

    return of


def generated(model: TransformersModel, answer: Answer) -> torch.Tensor:
    """The log-probabilities [answer vocabulary] that transformers' own generation gives after an answer's prompt."""
    said: Any = model.network.generate(
        **answer.inputs,
        max_new_tokens=len(answer.tokens),
        suppress_tokens=sorted(model.image_marker_ids),
        do_sample=False,
        return_dict_in_generate=True,
        output_logits=True,
    )
    return torch.cat(said.logits).float().log_softmax(-1)


@pytest.mark.parametrize("name", SAVERS)
def test_a_follow_up_over_what_was_kept_is_what_transformers_generates(
    name: str, made: Callable[[str], TransformersModel], picture: Image.Image
) -> None:
    model, history = made(name), (Turn("Who?", "The dog."),)
    model.forget()
    for question in (
        Question("Where is the dog?", (picture,), decoding=FIVE),
        Question("What is it?", (picture,), decoding=FIVE),
        Question("Why is it there?", (picture,), history=history, decoding=FIVE),
        Question("And the house?", (picture,), history=(*history, Turn("Why?", "It is.")), decoding=FIVE),
        Question("Where is the dog?", (picture,), decoding=FIVE),
        Question("Only words.", decoding=FIVE),
    ):
        answer = ask(model, question)
        said = generated(model, answer)
        ids = torch.tensor(answer.token_ids)[:, None]
        logprobs = torch.tensor([token.logprob for token in answer.tokens])
        torch.testing.assert_close(logprobs, said.gather(-1, ids)[:, 0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["sliding windows", "chunks", "Gemma 3"])
def test_rows_of_a_long_answer_are_eager_where_the_cache_outgrows_the_window(
    name: str, made: Callable[[str], TransformersModel], picture: Image.Image
) -> None:
    model = made(name)
    answer = ask(model, Question("Where is the dog?", (picture,), decoding=Decoding(max_new_tokens=20)))
    assert answer.attention is not None
    first = len(answer.prompt_tokens) - 1
    whole = torch.stack(eager_attentions(model, answer))[:, :, first : first + len(answer.tokens)]
    torch.testing.assert_close(answer.attention.weights, whole.float(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", HYBRIDS)
def test_another_phrasing_reads_only_its_own_words_where_states_cannot_be_cut(
    name: str, made: Callable[[str], TransformersModel], picture: Image.Image
) -> None:
    model = made(name)
    model.forget()
    ask(model, Question("Where is the dog?", (picture,), decoding=FIVE))
    second = model.prepare(Question("Is it the house?", (picture,), decoding=FIVE))
    read: list[int] = []
    hook = (
        model.network.get_decoder().layers[0].register_forward_hook(lambda _, args, __: read.append(args[0].shape[1]))
    )
    try:
        model.begin(second)
    finally:
        hook.remove()
    assert sum(read) == len(second.ids) - second.shared


@pytest.mark.parametrize("name", HYBRIDS)
def test_continuations_over_kept_states_have_the_logits_of_whole_passes(
    name: str, made: Callable[[str], TransformersModel], picture: Image.Image
) -> None:
    model = made(name)
    prompts = [model.prepare(Question(text, (picture,))) for text in ("Where is the dog?", "Who?")]
    answers = [[30, 31, 32], [40]]
    for logits, prompt, answer in zip(model.continuation_logits(prompts, answers), prompts, answers, strict=True):
        whole = model.network(
            input_ids=torch.tensor([[*prompt.ids, *answer[:-1]]]), pixel_values=prompt.inputs["pixel_values"]
        )
        torch.testing.assert_close(logits, whole.logits[0, len(prompt.ids) - 1 :].float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_pass_that_starts_after_the_pictures_has_the_states_of_a_whole_one(
    name: str, made: Callable[[str], TransformersModel], picture: Image.Image
) -> None:
    model = made(name)
    answer = ask(model, Question("Where is the dog?", (picture,), decoding=FIVE))
    whole, start = model.checkpointed(answer), len(answer.prompt_tokens) - 4
    rest = model.checkpointed(answer, start)
    assert rest.start == start
    torch.testing.assert_close(rest.final, whole.final[start:], atol=1e-5, rtol=1e-4)
    for layer in range(model.card.layers):
        with rest.recompute(layer, grad=False) as recomputed:
            expected = whole.final if layer == model.card.layers - 1 else whole.inputs[layer + 1]
            assert expected is not None
            torch.testing.assert_close(recomputed.output, expected[start:], atol=1e-5, rtol=1e-4)
