"""Relevancy against the literal rule with whole matrices, in float64."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, Target, TokenKind, Turn
from core.errors import NotApplicable, NotEnoughMemory
from core.explainers import _relevancy
from core.explainers.relevancy import Relevancy, RelevancySettings, relevancy_by_layer
from core.explainers.run import explain
from core.explainers.suffix_relevancy import SuffixRelevancy
from core.vlm import attention_gradient, layer_gradient, memory_costs
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import HeadAblation
from core.vlm.generation import ask
from core.vlm.hf import capture
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget, token_targets_of, whole_answer
from tests import literal
from tests.families import (
    save_aya_vision,
    save_gemma3,
    save_internvl,
    save_llava_next,
    save_llava_onevision,
    save_paligemma,
    save_smolvlm,
    save_vipllava,
)
from tests.hooks import hooks_of
from tests.zoo import load, save_deepstack, save_llava, save_qwen

DECODER = RelevancySettings(through_tower=False)
TOWER = RelevancySettings(through_tower=True)
SAVED: dict[str, Callable[[Path], Path]] = {
    "llava": save_llava,
    "qwen": save_qwen,
    "sliding window": lambda folder: save_llava(folder, model_type="mistral", num_key_value_heads=2, sliding_window=8),
    "capped scores": lambda folder: save_llava(
        folder, model_type="gemma2", num_key_value_heads=2, head_dim=16, sliding_window=12, attn_logit_softcapping=1.0
    ),
}
TOWERS: dict[str, Callable[[Path], Path]] = {
    "aya vision": save_aya_vision,
    "gemma3": save_gemma3,
    "granite, which scales what it reads": lambda folder: save_llava(
        folder, model_type="granite", embedding_multiplier=12.0
    ),
    "internvl": save_internvl,
    "llava next": save_llava_next,
    "llava onevision": save_llava_onevision,
    "paligemma": save_paligemma,
    "qwen3-vl": save_deepstack,
    "smolvlm": save_smolvlm,
    "vip-llava": save_vipllava,
}
"""Families whose towers are followed in ways of their own."""


@dataclass
class Pair:
    """A model in float64, and the same network written out."""

    model: TransformersModel
    network: Any

    def asked(self, text: str, *pictures: Image.Image, tokens: int = 5, seed: int = 0, **more: Any) -> Answer:
        decoding = Decoding(max_new_tokens=tokens, temperature=1.5, seed=seed)
        return ask(self.model, Question(text, pictures, decoding=decoding, **more), keep_attention=False)


@pytest.fixture(scope="module", params=list(SAVED))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Each kind of network in turn."""
    folder = (SAVED | TOWERS)[request.param](tmp_path_factory.mktemp("network"))
    model = load(folder)
    model.network.double()
    return Pair(model, literal.network_of(folder))


def sharpen_tower(pair: Pair) -> None:
    """A freshly drawn tower looks everywhere alike and its attention hardly matters: errors in it would not show."""
    for network in (pair.network, pair.model.network):
        with torch.no_grad():
            for name, parameter in literal.tower_layers(network).named_parameters():
                if ("attn" in name or "attention" in name) and parameter.ndim > 1:
                    parameter.mul_(16.0)
    pair.model.forget()


@pytest.fixture
def small(llava: TransformersModel, picture: Image.Image) -> Answer:
    """A short answer of the tiny LLaVA in float32."""
    return ask(llava, Question("Where is the dog?", (picture,), decoding=Decoding(max_new_tokens=4)))


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected.float(), atol=1e-8, rtol=1e-5)
    # ... and not only because there was nothing to find.
    assert bool((expected.abs() > 1e-4).sum() > 5)


def test_every_token_equals_the_literal_rule(pair: Pair, picture: Image.Image) -> None:
    answers = (
        pair.asked("Where is the dog?", picture, tokens=5),
        pair.asked("the the the dog the the the dog", picture, tokens=1),
        pair.asked("Is the dog there too?", picture, history=(Turn("Where is the dog?", "There is the dog."),)),
        pair.asked("No picture, only the words."),
    )
    for answer in answers:
        literal_pass = literal.whole_pass(pair.network, answer)
        targets = [Target((index,)) for index in range(len(answer.tokens))]
        for number, explanation in enumerate(explain(Relevancy(), pair.model, answer, targets, DECODER)):
            (token_target,) = token_targets_of(answer, explanation.target)
            close(explanation.scores, literal.relevancy(literal_pass, answer, token_target))
            assert len(explanation.scores) == len(answer.layout)
            assert bool((explanation.scores[len(answer.prompt_tokens) + number :] == 0).all())


def test_the_suffix_equals_the_rule_without_attention_before_it(pair: Pair, picture: Image.Image) -> None:
    for text, tokens in (("Where is the dog?", 4), ("the the the dog the the", 1)):
        answer = pair.asked(text, picture, tokens=tokens)
        literal_pass, first = literal.whole_pass(pair.network, answer), SuffixRelevancy().first_row(answer)
        expected = [
            literal.relevancy(literal_pass, answer, u, constant_rows=first)
            for u in token_targets_of(answer, whole_answer(answer))
        ]
        for kept in (True, False):
            if not kept:
                pair.model.forget()
            (explanation,) = explain(SuffixRelevancy(), pair.model, answer, [whole_answer(answer)])
            close(explanation.scores, torch.stack(expected).mean(0))


@pytest.mark.parametrize("pair", ["llava"], indirect=True)
def test_ablated_heads_bring_nothing_for_the_answer_does_not_depend_on_where_they_look(
    pair: Pair, picture: Image.Image
) -> None:
    answer, target = pair.asked("Where is the dog?", picture, tokens=3), Target((2,))
    whole = explain(Relevancy(), pair.model, answer, [target], DECODER)[0]
    size = pair.model.card.hidden // pair.model.card.heads
    ablated = ((0, 1), (1, 0), (1, 1), (2, 0))

    def without(layer: int) -> Callable[..., tuple[torch.Tensor]]:
        kept = torch.tensor([(layer, head) not in ablated for head in range(pair.model.card.heads)])
        return lambda module, given: (given[0] * kept.repeat_interleave(size),)

    with ExitStack() as hooks:
        for layer, module in enumerate(pair.network.model.language_model.layers):
            hooks.callback(module.self_attn.o_proj.register_forward_pre_hook(without(layer)).remove)
        literal_pass = literal.whole_pass(pair.network, answer)
        (token_target,) = token_targets_of(answer, target)
        expected = literal.relevancy(literal_pass, answer, token_target)
        after = literal.relevancy(literal_pass, answer, token_target, constant_rows=SuffixRelevancy().first_row(answer))
    with pair.model.edited((HeadAblation(ablated),)):
        (explanation,) = explain(Relevancy(), pair.model, answer, [target], DECODER)
        (suffix,) = explain(SuffixRelevancy(), pair.model, answer, [target])
    close(explanation.scores, expected)
    close(suffix.scores, after)
    assert not torch.allclose(explanation.scores, whole.scores, rtol=1e-2)


def test_the_suffix_of_a_family_that_shares_no_prefix_is_the_same(pair: Pair, picture: Image.Image) -> None:
    answer = pair.asked("Where is the dog?", picture, tokens=3)
    stranger = TransformersModel(pair.model.network, pair.model.processor, Undescribed("stranger"), pair.model.card)
    assert stranger.checkpointed(answer, 5).start == 0
    for first, second in zip(
        explain(SuffixRelevancy(), pair.model, answer, [whole_answer(answer)]),
        explain(SuffixRelevancy(), stranger, answer, [whole_answer(answer)]),
        strict=True,
    ):
        torch.testing.assert_close(first.scores, second.scores, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("pair", ["llava", "qwen", *TOWERS], indirect=True)
def test_through_the_tower_equals_the_literal_rule(pair: Pair, picture: Image.Image) -> None:
    sharpen_tower(pair)
    answers = (
        pair.asked("Where is the dog?", picture, tokens=3),
        pair.asked("Which one?", picture, picture.rotate(180).resize((90, 140)), tokens=2),
    )
    for answer in answers:
        literal_pass = literal.whole_pass(pair.network, answer)
        token_targets = (*token_targets_of(answer, whole_answer(answer)), TokenTarget(1, 40, 50))
        *_, last = Relevancy().scores(pair.model, answer, token_targets, TOWER)
        assert last.scores is not None
        for token_target, scores in zip(token_targets, last.scores, strict=True):
            expected = literal.relevancy(literal_pass, answer, token_target, tower=True)
            error, effect = (
                (scores - expected).abs(),
                (expected - literal.relevancy(literal_pass, answer, token_target)).abs(),
            )
            images = list(answer.layout.positions(TokenKind.IMAGE))
            assert float(error.max()) < 1e-6 and float(error[images].max()) < 0.02 * float(effect.max())


@pytest.mark.parametrize("pair", ["llava"], indirect=True)
def test_a_tower_read_before_its_last_layer(pair: Pair, picture: Image.Image) -> None:
    for network in (pair.network, pair.model.network):
        network.config.vision_feature_layer = -2
    pair.model.forget()
    try:
        answer = pair.asked("Where is the dog?", picture, tokens=2)
        literal_pass = literal.whole_pass(pair.network, answer)
        (explanation,) = explain(Relevancy(), pair.model, answer, [Target((1,))], TOWER)
        expected = literal.relevancy(literal_pass, answer, *token_targets_of(answer, Target((1,))), tower=True)
        torch.testing.assert_close(explanation.scores, expected.float(), atol=1e-7, rtol=1e-5)
    finally:
        for network in (pair.network, pair.model.network):
            network.config.vision_feature_layer = -1
        pair.model.forget()


@pytest.mark.parametrize("pair", ["llava", "qwen"], indirect=True)
def test_where_no_tower_is_known_the_map_is_the_decoders_and_says_so(
    pair: Pair, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = pair.asked("Where is the dog?", picture, tokens=2)
    target = Target((1,))
    (through,) = explain(Relevancy(), pair.model, answer, [target], TOWER)
    (decoder,) = explain(Relevancy(), pair.model, answer, [target], DECODER)
    assert through.remark is None and decoder.remark is None
    monkeypatch.setattr(type(pair.model.family), "tower", lambda family, context: None)
    (map_,) = explain(Relevancy(), pair.model, answer, [target], TOWER)
    assert "the decoder's relevancy alone" in (map_.remark or "")
    assert torch.equal(map_.scores, decoder.scores)
    words = pair.asked("Where is the dog?", tokens=2)
    (unseen,) = explain(Relevancy(), pair.model, words, [target], TOWER)
    assert unseen.remark is None, "no picture, no tower to miss"


@pytest.mark.parametrize("method", [Relevancy(), SuffixRelevancy()])
def test_a_contrast_explains_the_difference_of_two_logits(
    pair: Pair, picture: Image.Image, method: _relevancy.RowRelevancy
) -> None:
    answer = pair.asked("Where is the dog?", picture, tokens=3)
    literal_pass = literal.whole_pass(pair.network, answer)
    settings = DECODER if isinstance(method, Relevancy) else None
    first = method.first_row(answer)
    plain, contrast = explain(method, pair.model, answer, [Target((2,)), Target((2,), (77,))], settings)
    close(
        contrast.scores,
        literal.relevancy(literal_pass, answer, TokenTarget(2, answer.token_ids[2], 77), constant_rows=first),
    )
    assert not torch.allclose(plain.scores, contrast.scores)


@pytest.mark.parametrize("method", [Relevancy(), SuffixRelevancy()])
def test_a_word_is_the_mean_of_its_tokens(
    model: TransformersModel, picture: Image.Image, method: _relevancy.RowRelevancy
) -> None:
    answer = ask(model, Question("Where is it?", (picture,), decoding=Decoding(max_new_tokens=5)))
    word, *tokens = explain(method, model, answer, [Target((1, 2, 4)), Target((1,)), Target((2,)), Target((4,))])
    torch.testing.assert_close(word.scores, torch.stack([token.scores for token in tokens]).mean(0))


@pytest.mark.parametrize("method", [Relevancy(), SuffixRelevancy()])
def test_a_map_does_not_depend_on_the_others_or_on_how_it_is_cut_up(
    model: TransformersModel,
    picture: Image.Image,
    method: _relevancy.RowRelevancy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = ask(model, Question("Where is the the the dog?", (picture,), decoding=Decoding(max_new_tokens=5)))
    targets = [Target((index,)) for index in range(5)]
    together = explain(method, model, answer, targets)
    monkeypatch.setattr(_relevancy, "GROUP_BYTES", 5 * _relevancy.target_bytes(model.card, len(answer.layout)) // 2)
    monkeypatch.setattr(attention_gradient, "block_bytes", lambda device: 2000)
    monkeypatch.setattr(attention_gradient, "LEAST_ROWS", 3)
    monkeypatch.setattr(layer_gradient, "TOGETHER_BYTES", 0)
    for one, target in zip(together, reversed(explain(method, model, answer, targets[::-1])), strict=True):
        torch.testing.assert_close(one.scores, target.scores, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(together[3].scores, explain(method, model, answer, [targets[3]])[0].scores)


def test_no_decoding_setting_changes_a_map(model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where is it?", (picture,), decoding=Decoding(max_new_tokens=4))
    cold = ask(model, question)
    warm = replace(cold, question=replace(question, decoding=Decoding(4, temperature=3.0, top_p=0.1, seed=9)))
    for method in (Relevancy(), SuffixRelevancy()):
        (first,), (second,) = (explain(method, model, answer, [whole_answer(answer)]) for answer in (cold, warm))
        assert torch.equal(first.scores, second.scores)


def test_layers_add_up_to_the_decoders_relevancy(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, Question("Where is it?", (picture,), decoding=Decoding(max_new_tokens=4)))
    token_targets = token_targets_of(answer, whole_answer(answer))
    entered = relevancy_by_layer(model, answer, token_targets)
    assert entered.shape == (4, model.card.layers, len(answer.layout)) and bool((entered >= 0).all())
    for token_target, layers in zip(token_targets, entered, strict=True):
        (explanation,) = explain(Relevancy(), model, answer, [Target((token_target.index,))], DECODER)
        total = layers.sum(0)
        total[token_target.position(answer)] += 1
        torch.testing.assert_close(total, explanation.scores, atol=1e-6, rtol=1e-5)
    # The top layer is looked at from the token target's own row alone, so it brings something to what that row saw.
    assert bool((entered[:, -1].sum(-1) > 0).all())
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        relevancy_by_layer(model, answer, token_targets, cancel)


def test_half_precision_keeps_small_gradients(llava_folder: Path, picture: Image.Image) -> None:
    model = load(llava_folder)
    answer = ask(model, Question("Where is it?", (picture,), decoding=Decoding(max_new_tokens=3)))
    with torch.no_grad():
        # Gradients of these logits would be below float16's smallest number, and the maps all zero.
        model.network.lm_head.weight.mul_(1e-4)
    (exact,) = explain(Relevancy(), model, answer, [whole_answer(answer)])
    model.network.half()
    half = replace(answer, inputs={n: v.half() if v.is_floating_point() else v for n, v in answer.inputs.items()})
    (map_,) = explain(Relevancy(), model, half, [whole_answer(answer)])
    own = [token_target.position(answer) for token_target in token_targets_of(answer, whole_answer(answer))]
    for scores in (exact.scores, map_.scores):
        scores[own] = 0
    assert float(exact.scores.max()) > 0
    torch.testing.assert_close(map_.scores / exact.scores.max(), exact.scores / exact.scores.max(), atol=0.02, rtol=0)


def leftovers(model: TransformersModel) -> tuple[list[int], int, bool, str]:
    """Hooks, frozen weights, an observer, and the attention in use."""
    frozen = sum(not parameter.requires_grad for parameter in model.network.parameters())
    observed = capture._observer.get() is not None
    return hooks_of(model), frozen, observed, model.network.config.text_config._attn_implementation


@pytest.mark.parametrize("method", [Relevancy(), SuffixRelevancy()])
def test_stopping_leaves_nothing_behind(
    llava: TransformersModel, small: Answer, method: _relevancy.RowRelevancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_gradient, "TOGETHER_BYTES", 0)
    before, logits = leftovers(llava), llava.replay_logits(small)
    for stop in range(1, 12):
        cancel, steps = CancelToken(), iter(range(stop))

        def stop_soon(_: float, cancel: CancelToken = cancel, steps: Any = steps) -> None:
            if next(steps, None) is None:
                cancel.cancel()

        with pytest.raises(Cancelled):
            explain(method, llava, small, [whole_answer(small)], cancel=cancel, progress=stop_soon)
        assert leftovers(llava) == before
    assert torch.equal(llava.replay_logits(small), logits)


def test_an_error_leaves_nothing_behind(
    llava: TransformersModel, small: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = leftovers(llava)
    monkeypatch.setattr(layer_gradient, "attention_gradients", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explain(Relevancy(), llava, small, [whole_answer(small)])
    assert leftovers(llava) == before
    layer = llava.network.get_decoder().layers[1]
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(layer.mlp, "forward", lambda _: 1 / 0)
        # The pass of the answer that is kept would be given again.
        llava.forget()
        llava.checkpointed(small)
    assert leftovers(llava) == before


def test_an_attention_that_cannot_be_seen_is_said_so(
    llava_folder: Path, small: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(llava_folder)
    model.network.set_attn_implementation("sdpa")
    with pytest.raises(NotApplicable, match="cannot be seen"):
        explain(Relevancy(), model, replace(small, model=model.card.fingerprint), [whole_answer(small)])


def test_a_tower_that_will_not_fit_is_refused_before_the_walk(
    llava: TransformersModel, small: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter((2**40, 1000))
    monkeypatch.setattr(memory_costs, "available_bytes", lambda device: next(free))
    with pytest.raises(
        NotEnoughMemory, match=r"Relevancy through the vision tower needs .* Leave the vision tower out"
    ):
        explain(Relevancy(), llava, small, [Target((1,))], TOWER)


def test_the_estimate_grows_with_what_it_takes(llava: TransformersModel, small: Answer) -> None:
    token_targets = token_targets_of(small, whole_answer(small))
    both = [
        method.estimate(llava, small, token_targets, method.Settings()) for method in (Relevancy(), SuffixRelevancy())
    ]
    assert both[0] > both[1] > 0
    assert both[0] > Relevancy().estimate(llava, small, token_targets[:1], RelevancySettings())
