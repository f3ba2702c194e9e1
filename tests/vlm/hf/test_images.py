"""Other pictures under one answer, and a copy of the model that forgets."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, RegionMask
from core.masking import apply_mask
from core.vlm.generation import ask
from core.vlm.hf.families.llava import Llava
from core.vlm.hf.network import TransformersModel
from core.vlm.turns import Turns
from tests.zoo import of_family


def noise(seed: int, size: tuple[int, int] = (120, 80)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def over(model: TransformersModel, answer: Answer, *sets: Sequence[Image.Image]) -> torch.Tensor:
    """The logits over each set of pictures."""
    return torch.cat(list(model.logits_of_images(answer, [partial(tuple, one) for one in sets])))


def asked(model: TransformersModel, *pictures: Image.Image, masks: Sequence[RegionMask] = ()) -> Answer:
    return ask(model, Question("the the cat?", pictures, decoding=Decoding(max_new_tokens=5), masks=masks))


def literal(model: TransformersModel, answer: Answer, *pictures: Image.Image) -> torch.Tensor:
    """One pass with the pictures handed through the whole processor."""
    inputs = model.prepare(Question(answer.question.text, pictures, decoding=answer.question.decoding)).inputs
    more = torch.tensor([answer.token_ids[:-1]])
    inputs = {**inputs, "input_ids": torch.cat([inputs["input_ids"], more], 1)}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], 1)
    with torch.no_grad():
        return model.network(**inputs, use_cache=False).logits[0, -len(answer.tokens) :]


@pytest.mark.parametrize("images", [1, 2])
def test_many_sets_of_pictures_read_together_give_what_each_gives_alone(model: TransformersModel, images: int) -> None:
    answer = asked(model, *(noise(seed) for seed in range(images)))
    sets = [[noise(10 * row + image) for image in range(images)] for row in range(1, 6)]
    batched = over(model, answer, *sets)
    assert len(batched) == len(sets)
    for logits, pictures in zip(batched, sets, strict=True):
        torch.testing.assert_close(logits, literal(model, answer, *pictures), atol=1e-4, rtol=1e-4)


class OneByOne(Llava):
    """LLaVA, had nobody said that its inputs can be batched."""

    stacks = False


def test_a_family_whose_inputs_are_no_batch_reads_pictures_one_by_one(llava: TransformersModel) -> None:
    answer, other = asked(llava, noise(0)), noise(1)
    (together,) = over(llava, answer, [other])
    (alone,) = over(of_family(llava, OneByOne()), answer, [other])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_questions_mask_is_not_laid_over_other_pictures(model: TransformersModel) -> None:
    mask = RegionMask(np.indices((80, 120))[1] < 60)
    answer = asked(model, noise(0), masks=[mask])
    shown, masked = over(model, answer, [noise(0)], [apply_mask(noise(0), mask)])
    torch.testing.assert_close(masked, model.replay_logits(answer), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(shown, masked, atol=1e-3)


def test_a_question_without_pictures_is_replayed(model: TransformersModel) -> None:
    answer = asked(model)
    (logits,) = over(model, answer, [])
    torch.testing.assert_close(logits, model.replay_logits(answer), atol=1e-5, rtol=1e-5)


def test_pictures_of_another_size_are_refused(model: TransformersModel) -> None:
    with pytest.raises(ValueError, match="sizes"):
        over(model, asked(model, noise(0)), [noise(1, (80, 120))])


def test_pictures_are_taken_only_as_they_are_read(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, taken = asked(llava, noise(0)), []
    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 2)

    def pictures():  # type: ignore[no-untyped-def]
        for seed in range(6):
            taken.append(seed)
            yield partial(tuple, [noise(seed)])

    next(llava.logits_of_images(answer, pictures()))
    assert taken == [0, 1]


def test_batches_are_of_half_the_size_from_when_others_use_the_model_too(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, sizes, turns = asked(llava, noise(0)), [], Turns()
    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 4)
    monkeypatch.setattr(llava, "lock", turns)
    for logits in llava.logits_of_images(answer, (partial(tuple, [noise(seed)]) for seed in range(12))):
        sizes.append(len(logits))
        if len(sizes) == 2:
            monkeypatch.setattr(turns, "_gave_way", time.monotonic())
    assert sizes == [4, 4, 2, 2]


def digest(model: TransformersModel) -> str:
    sha = hashlib.sha256()
    for tensor in model.network.state_dict().values():
        sha.update(tensor.numpy().tobytes())
    return sha.hexdigest()


def test_weights_are_shuffled_in_a_copy_from_the_output_down(model: TransformersModel) -> None:
    before, answer = digest(model), asked(model, noise(0))
    original = dict(model.network.named_parameters())
    stages = []
    logits = model.replay_logits(answer)
    for _, name, twin in model.shuffled(0):
        assert isinstance(twin, TransformersModel)
        stages.append(name)
        changed = {
            n for n, p in twin.network.named_parameters() if not torch.equal(p, original[n]) and p.unique().numel() > 1
        }
        assert not torch.allclose(twin.replay_logits(answer), logits, atol=1e-3)
        if len(stages) == 1:
            assert all("lm_head" in n or "norm" in n for n in changed)
    decoder = [name for name in stages if "language_model.layers" in name]
    assert decoder == [f"language_model.layers.{layer}" for layer in (2, 1, 0)]
    assert "lm_head" in stages[0] and "embed" in stages[-1]
    for name, parameter in twin.network.named_parameters():
        torch.testing.assert_close(parameter.flatten().sort().values, original[name].flatten().sort().values)
        assert parameter.numel() < 50 or parameter.std() == 0 or name in changed
    assert digest(model) == before


def test_a_copy_that_was_left_half_way_leaves_nothing_behind(model: TransformersModel) -> None:
    before, answer = digest(model), asked(model, noise(0))
    stages = model.shuffled(0)
    for _ in range(3):
        _, _, twin = next(stages)
    asked(twin, noise(0))  # type: ignore[arg-type]
    stages.close()  # type: ignore[attr-defined]
    assert digest(model) == before
    again = asked(model, noise(0))
    assert again.token_ids == answer.token_ids
    assert [t.logprob for t in again.tokens] == pytest.approx([t.logprob for t in answer.tokens], abs=1e-5)
