"""Llama 3.2 Vision reads pictures across: it answers as transformers does, and what cannot be seen of that is said."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from core.answer import Answer, Box, Decoding, Question, Target, TokenKind, Turn
from core.errors import NotApplicable, UnknownName
from core.evidence.evaluate import evaluate
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.attention_knockout import ways
from core.mechanisms.knockout import knockout_curves
from core.perturb.perturbation import HiddenTokens
from core.vlm.edits import HeadAblation, Knockout
from core.vlm.generation import ask
from core.vlm.hf.capture import seeing_only_themselves
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from core.zoo.oracle import Oracle
from core.zoo.registry import recipes
from tests.zoo import load

WORDS = Decoding(max_new_tokens=5)
ACROSS = (1, 3)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


QUESTIONS = {
    "one picture": Question("What is it?", noise(120, 80), decoding=WORDS),
    "a very tall one": Question("What is it?", noise(40, 300), decoding=WORDS),
    "a very wide one": Question("What is it?", noise(300, 40), decoding=WORDS),
    "two pictures": Question("Are both the same?", (noise(120, 80), noise(60, 90)), decoding=WORDS),
    "a second turn": Question("And the door?", noise(120, 80), (Turn("What is it?", "a house"),), WORDS),
    "no picture": Question("What is it?", decoding=WORDS),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recipes()["mllama"]().save(tmp_path_factory.mktemp("mllama"))


@pytest.fixture(scope="module")
def mllama(folder: Path) -> TransformersModel:
    return load(folder)


@pytest.fixture(scope="module")
def own(folder: Path) -> Any:
    """The network as transformers loads it."""
    return transformers.AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager").eval()


@pytest.fixture(scope="module")
def answer(mllama: TransformersModel) -> Answer:
    return ask(mllama, QUESTIONS["one picture"])


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_it_answers_as_transformers_generates(name: str, mllama: TransformersModel, own: Any, folder: Path) -> None:
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    question = QUESTIONS[name]
    for _ in range(2):  # the second time with what was kept of the first
        said = ask(mllama, question)
        rendered = "".join(said.prompt_tokens).removeprefix("<s>")
        inputs = processor(images=list(question.images) or None, text=rendered, return_tensors="pt")
        assert set(said.inputs) == set(inputs)
        assert all(torch.equal(said.inputs[key], inputs[key]) for key in inputs)
        generated = own.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        assert list(said.token_ids) == generated.tolist()[: len(said.tokens)]
        logprobs = mllama.replay_logits(said).log_softmax(-1)
        replayed = [float(logprobs[index, token]) for index, token in enumerate(said.token_ids)]
        assert replayed == pytest.approx([token.logprob for token in said.tokens], abs=1e-5)


def test_pictures_change_what_it_says(mllama: TransformersModel) -> None:
    one, other = (mllama.replay_logits(ask(mllama, QUESTIONS[name])) for name in ("one picture", "a very tall one"))
    assert not torch.allclose(one[0], other[0], atol=1e-3)


def test_layers_that_read_across_have_no_rows_and_the_others_have_those_of_eager(
    mllama: TransformersModel, own: Any, answer: Answer
) -> None:
    assert mllama.card.without_attention == ACROSS
    assert answer.attention is not None
    whole = whole_inputs(answer)
    with torch.no_grad():
        eager = own(**whole, output_attentions=True).attentions
    prompt = len(answer.prompt_tokens)
    of_sequence = [weights for weights in eager if weights.shape[-1] == whole["input_ids"].shape[1]]
    seen = [layer for layer in range(4) if layer not in ACROSS]
    for layer, weights in zip(seen, of_sequence, strict=True):
        for token in range(len(answer.tokens)):
            row = weights[0, :, prompt - 1 + token]
            torch.testing.assert_close(
                answer.attention.weights[layer, :, token, : row.shape[-1]], row, atol=1e-5, rtol=0
            )
    assert bool(answer.attention.weights[list(ACROSS)].isnan().all())


def test_edits_in_a_batch_are_edits_one_by_one(mllama: TransformersModel, answer: Answer) -> None:
    last = len(answer.prompt_tokens) - 1
    edits = [(HeadAblation(((0, 1),)),), (Knockout((last,), (1, 2), frozenset((0, 2))),), ()]
    together = mllama.logits_with(answer, edits)
    for edit, logits in zip(edits, together, strict=True):
        torch.testing.assert_close(logits, mllama.logits_with(answer, [edit])[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together[2], mllama.replay_logits(answer), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(together[0], together[2], atol=1e-3)


def test_what_cannot_be_had_is_said(mllama: TransformersModel, answer: Answer) -> None:
    assert answer.layout.positions(TokenKind.IMAGE) == ()
    assert answer.layout.views == ()
    across = "reads the picture through layers of cross-attention"
    assert across in answer.layout.unplaced
    with pytest.raises(NotApplicable, match=across):
        mllama.measure_grid(answer)
    with pytest.raises(NotApplicable, match=f"{across}.*Choose hiding pixels, raw attention or input x gradient"):
        explain(explainers()["grad_cam"], mllama, answer, [Target((1,))])
    with pytest.raises(UnknownName, match="has no attention"):
        mllama.logits_with(answer, [(HeadAblation(((1, 0),)),)])


@pytest.mark.parametrize("method", ["relevancy", "raw_attention", "input_gradient", "occlusion_pixels"])
def test_words_and_pixels_are_scored(method: str, mllama: TransformersModel, answer: Answer) -> None:
    (map_,) = explain(explainers()[method], mllama, answer, [Target((1,))])
    assert bool(map_.scores.isfinite().all())
    assert float(map_.scores.abs().max()) > 0


def test_without_a_picture_layers_that_would_read_it_pass_on_what_they_are_given(
    mllama: TransformersModel, own: Any
) -> None:
    """transformers leaves them out: relevancy is the literal rule's over the others."""
    words = ask(mllama, QUESTIONS["no picture"])
    index, ids = 2, torch.cat([words.inputs["input_ids"], torch.tensor([words.token_ids[:-1]])], 1)
    output = own(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True)
    at = len(words.prompt_tokens) - 1 + index
    assert len(output.attentions) == 2
    gradients = torch.autograd.grad(output.logits[0, at, words.token_ids[index]], output.attentions)
    row = torch.eye(ids.shape[1])[at]
    for weights, gradient in zip(reversed(output.attentions), reversed(gradients), strict=True):
        row = row + row @ (weights * gradient).clamp(min=0).mean(1)[0]
    (map_,) = explain(explainers()["relevancy"], mllama, words, [Target((index,))])
    torch.testing.assert_close(map_.scores[: len(row)], row.detach(), atol=1e-6, rtol=1e-3)
    edits = [(HeadAblation(((0, 1),)),), ()]
    for edit, logits in zip(edits, mllama.logits_with(words, edits), strict=True):
        with mllama.edited(edit):
            torch.testing.assert_close(logits, mllama.replay_logits(words), atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def written_out(folder: Path, mllama: TransformersModel) -> Oracle:
    return Oracle(folder, mllama.processor, mllama.image_marker_ids)


@pytest.mark.parametrize("layers", [None, frozenset((1,)), frozenset((2, 3))])
def test_patches_that_are_cut_have_no_weight(
    layers: frozenset[int] | None, mllama: TransformersModel, answer: Answer, written_out: Oracle
) -> None:
    """Some patches from the words after the picture, and all of them from where the answer is predicted."""
    keys = len(mllama.with_patches_across(answer)) - len(answer.layout)
    end = len(answer.layout) - 1
    clean, _ = written_out.passed(answer)
    sets = []
    for rows, cut in ((range(3, end), range(1, 9)), (range(len(answer.prompt_tokens) - 1, end), range(keys))):
        knockout = Knockout(tuple(rows), (), layers, tuple(cut))
        expected, _ = written_out.passed(answer, across=(list(rows), list(cut)), layers=layers)
        assert not torch.allclose(expected, clean, atol=1e-3)
        sets.append((knockout, expected))
    together = mllama.logits_with(answer, [(knockout,) for knockout, _ in sets])
    for (knockout, expected), logits in zip(sets, together, strict=True):
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
        # While it answers, too: the prompt first, and then a token over what is kept of it.
        with mllama.edited((knockout,)):
            first, state = mllama.begin(mllama.prepare(answer.question))
            second = mllama.step(answer.token_ids[0], state)
        torch.testing.assert_close(torch.stack([first, second]), expected[:2], atol=1e-4, rtol=1e-4)


def test_a_tile_that_is_cut_is_one_that_transformers_masks(mllama: TransformersModel, own: Any) -> None:
    """`cross_attention_mask` says which tiles are seen: without the second, in transformers' own eager pass."""
    said = ask(mllama, QUESTIONS["a very tall one"])
    whole = whole_inputs(said)
    assert whole["cross_attention_mask"][0, -1, 0, :2].tolist() == [1, 1]
    whole["cross_attention_mask"] = whole["cross_attention_mask"].clone()
    whole["cross_attention_mask"][..., 1] = 0
    with torch.no_grad():
        expected = own(**whole).logits[0, len(said.prompt_tokens) - 1 :]
    # (rows before the picture, which are to see nothing of it, are given no mask at all there)
    rows = whole["cross_attention_mask"].any(-1).any(-1)[0].nonzero()[:, 0].tolist()
    knockout = Knockout(tuple(rows), (), None, tuple(range(17, 34)))
    (ours,) = mllama.logits_with(said, [(knockout,)])
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def test_ways_to_the_picture_are_cut_and_its_patches_hidden(mllama: TransformersModel, answer: Answer) -> None:
    target = Target((1,))
    cuts = ways(mllama, answer, token_targets_of(answer, target))
    assert "image → last" in cuts and "last → image" not in cuts
    curves = knockout_curves(mllama, answer, target, [cuts["image → last"], cuts["question → last"]], 1)
    assert curves.cutting == (0, 1, 2, 3) and curves.complete == 1
    assert np.array_equal(curves.change[0] != 0, [False, True, False, True])
    assert np.array_equal(curves.change[1] != 0, [True, False, True, False])
    (map_,) = explain(explainers()["occlusion_tokens"], mllama, answer, [target])
    layout = mllama.with_patches_across(answer)
    assert map_.layout == layout
    (view, *_) = layout.views
    position = view.positions[5]
    hidden = HiddenTokens(frozenset(), frozenset((position - len(answer.layout),))).edits(answer)
    token = answer.token_ids[1]
    before, after = (logits[1].log_softmax(-1)[token] for logits in mllama.logits_with(answer, [(), hidden]))
    assert float(map_.scores[position]) == pytest.approx(float(before - after), abs=1e-5)


def test_keys_that_nothing_looks_at_are_not_cut_in_silence(mllama: TransformersModel, answer: Answer) -> None:
    with pytest.raises(UnknownName, match=r"looks at the picture across.*1, 3"):
        mllama.logits_with(answer, [(Knockout((4,), (), frozenset((0,)), (1,)),)])
    with pytest.raises(UnknownName, match="not there; there are 0 to"):
        mllama.logits_with(answer, [(Knockout((4,), (), None, (10_000,)),)])


@pytest.mark.parametrize("name", ["one picture", "a very tall one", "a very wide one", "two pictures"])
def test_a_patch_that_is_painted_moves_its_own_key(name: str, mllama: TransformersModel) -> None:
    question = QUESTIONS[name]
    said = ask(mllama, question)
    layout = mllama.with_patches_across(said)
    start = len(said.layout)

    def keys(images: list[Image.Image]) -> torch.Tensor:
        inputs = mllama.prepare(replace(question, images=tuple(images))).inputs
        seen = {key: inputs[key] for key in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")}
        with torch.no_grad(), seeing_only_themselves():
            features: torch.Tensor = mllama.network.get_image_features(**seen).pooler_output
        return features.reshape(-1, features.shape[-1])

    plain = keys(list(question.images))
    assert len(layout) - start == len(plain)
    random = np.random.default_rng(0)
    for view in layout.views:
        width, height = layout.image_sizes[view.image]
        inside = [i for i in range(len(view.positions)) if _within(view.patch_box(i), width, height)]
        for index in random.choice(inside, 2) if inside else ():
            left, top, right, bottom = view.patch_box(int(index))
            painted = np.array(question.images[view.image])
            painted[math.ceil(top) : math.floor(bottom), math.ceil(left) : math.floor(right)] ^= 255
            images = list(question.images)
            images[view.image] = Image.fromarray(painted)
            moved = (keys(images) - plain).norm(dim=-1)
            assert int(moved.argmax()) == view.positions[int(index)] - start


def _within(box: Box, width: int, height: int) -> bool:
    return box[2] <= width and box[3] <= height and box[2] - box[0] >= 3 and box[3] - box[1] >= 3


def whole_inputs(answer: Answer) -> dict[str, torch.Tensor]:
    """What the network reads of an answer's whole sequence but its last token."""
    whole = dict(answer.inputs)
    more = torch.tensor([answer.token_ids[:-1]])
    whole["input_ids"] = torch.cat([whole["input_ids"], more], 1)
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    last = whole["cross_attention_mask"][:, -1:].expand(-1, more.shape[1], -1, -1)
    whole["cross_attention_mask"] = torch.cat([whole["cross_attention_mask"], last], 1)
    return whole


def test_raw_attention_looks_across_as_eager_attention_does(
    mllama: TransformersModel, own: Any, answer: Answer
) -> None:
    with torch.no_grad():
        eager = own(**whole_inputs(answer), output_attentions=True).attentions
    at = len(answer.prompt_tokens) + 1
    (map_,) = explain(explainers()["raw_attention"], mllama, answer, [Target((2,))])
    length = len(answer.layout) - 1
    expected = torch.stack([weights[0, :, at] for weights in eager if weights.shape[-1] != length]).mean((0, 1))
    torch.testing.assert_close(map_.scores[length + 1 :], expected, atol=1e-6, rtol=1e-4)
    (evidence,) = evaluate(mllama, answer, [map_], settings=EvidenceSettings(steps=2, draws=1))
    assert evidence.complete == 1


def test_relevancy_goes_to_the_patches_by_the_literal_rule(mllama: TransformersModel, own: Any, answer: Answer) -> None:
    """Chefer et al. 2021, equations 5, 6 and 10, with whole matrices: what a layer of cross-attention brings to its
    keys is what arrives at its rows."""
    index = 2
    whole = whole_inputs(answer)
    output = own(**whole, output_attentions=True)
    at = len(answer.prompt_tokens) + index - 1
    gradients = torch.autograd.grad(output.logits[0, at, answer.token_ids[index]], output.attentions)
    layout = mllama.with_patches_across(answer)
    row = torch.zeros(whole["input_ids"].shape[1])
    row[at] = 1
    patches = torch.zeros(len(layout) - len(answer.layout))
    for weights, gradient in zip(reversed(output.attentions), reversed(gradients), strict=True):
        brought = row @ (weights * gradient).clamp(min=0).mean(1)[0]
        if len(brought) == len(row):
            row = row + brought
        else:
            patches += brought
    (map_,) = explain(explainers()["relevancy"], mllama, answer, [Target((index,))])
    assert map_.layout == layout
    torch.testing.assert_close(map_.scores[: len(row)], row.detach(), atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(map_.scores[len(answer.layout) :], patches.detach(), atol=1e-6, rtol=1e-3)
    assert float(patches.max()) > 0
    assert map_.remark is not None and "cross-attention" in map_.remark
