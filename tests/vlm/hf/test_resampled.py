"""Families that resample a picture: asked as their own processors would ask them, and said to have no grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind, Turn
from core.errors import ImageMissing, ModelUnavailable, NotApplicable, UnusableImage
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score_many
from core.zoo.tokenizer import build_tokenizer
from tests.families import save_idefics2, save_paligemma
from tests.zoo import load
from tests.zoo_resampled import save_blip_2, save_instructblip

SAVERS: dict[str, Callable[[Path], Path]] = {
    "blip_2": save_blip_2,
    "instructblip": save_instructblip,
    "idefics2": save_idefics2,
}
ASKED = Decoding(max_new_tokens=5)
EARLIER = (Turn("What is it?", "a house"),)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save(tmp_path_factory.mktemp(name)) for name, save in SAVERS.items()}


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, TransformersModel]:
    return {name: load(folder) for name, folder in folders.items()}


@pytest.mark.parametrize("name", ["blip_2", "instructblip"])
@pytest.mark.parametrize(
    ("history", "text"),
    [
        ((), "Question: And the door? Answer:"),
        (EARLIER, "Question: What is it? Answer: a house Question: And the door? Answer:"),
    ],
)
def test_a_checkpoint_without_a_template_is_asked_in_its_own_form(
    name: str,
    history: tuple[Turn, ...],
    text: str,
    models: dict[str, TransformersModel],
    folders: dict[str, Path],
    picture: Image.Image,
) -> None:
    model = models[name]
    model.forget()
    own = transformers.AutoProcessor.from_pretrained(folders[name], backend="pil")(
        images=picture, text=text, return_tensors="pt"
    )
    for _ in range(2):  # the second time over what is kept
        answer = ask(model, Question("And the door?", picture, history, ASKED))
        assert set(answer.inputs) == set(own)
        assert all(torch.equal(answer.inputs[key], own[key]) for key in own)
        generated = model.network.generate(**own, max_new_tokens=5, do_sample=False)[0].tolist()
        assert list(answer.token_ids) == generated[-len(answer.tokens) :]
        assert replayed(model, answer) == pytest.approx([token.logprob for token in answer.tokens], abs=1e-5)


def replayed(model: TransformersModel, answer: Answer) -> list[float]:
    logprobs = model.replay_logits(answer).log_softmax(-1)
    return [float(logprobs[index, token]) for index, token in enumerate(answer.token_ids)]


@pytest.mark.parametrize("name", list(SAVERS))
def test_another_question_about_the_same_picture_is_read_as_if_it_were_the_first(
    name: str, models: dict[str, TransformersModel], picture: Image.Image
) -> None:
    """The queries of InstructBLIP read the question: what they brought back for another is of no use."""
    model = models[name]
    question = Question("Is the door the door?", picture, decoding=ASKED)
    model.forget()
    alone = ask(model, question)
    ask(model, Question("What is it?", picture, decoding=ASKED))
    after = ask(model, question)
    assert after.token_ids == alone.token_ids
    assert [token.logprob for token in after.tokens] == pytest.approx(
        [token.logprob for token in alone.tokens], abs=1e-5
    )
    together = score_many(model, [(question, alone.token_ids), (question.with_text("What?"), alone.token_ids)])
    assert together[0].logprobs == pytest.approx([token.logprob for token in alone.tokens], abs=1e-4)


@pytest.mark.parametrize("name", list(SAVERS))
def test_that_there_is_no_grid_is_said(name: str, models: dict[str, TransformersModel], picture: Image.Image) -> None:
    model = models[name]
    answer = ask(model, Question("What is it?", picture, decoding=ASKED))
    assert len(answer.layout.positions(TokenKind.IMAGE)) == 8
    assert answer.layout.views == ()
    assert f"{model.family.name} resamples the picture" in answer.layout.unplaced
    assert model.card.image_grid.startswith("none: 8 ")
    with pytest.raises(NotApplicable, match="resamples the picture"):
        model.measure_grid(answer)


@pytest.mark.parametrize("name", ["blip_2", "instructblip"])
def test_a_question_has_exactly_one_picture(
    name: str, models: dict[str, TransformersModel], picture: Image.Image
) -> None:
    with pytest.raises(ImageMissing, match="takes no question without a picture"):
        ask(models[name], Question("What is it?"))
    with pytest.raises(UnusableImage, match="takes 1 picture at a time, and the question has 2"):
        ask(models[name], Question("What is it?", (picture, picture)))


def test_typed_control_tokens_stay_text_for_the_queries_too(
    models: dict[str, TransformersModel], picture: Image.Image
) -> None:
    model = models["instructblip"]
    inputs = model.prepare(Question("Is </s> or <image> in it?", picture)).inputs
    assert not {2, model.network.config.image_token_id} & set(inputs["qformer_input_ids"][0].tolist())
    assert int((inputs["input_ids"] == model.network.config.image_token_id).sum()) == 8


def test_paligemma_without_a_template_is_asked_in_its_prefix_form(tmp_path: Path, picture: Image.Image) -> None:
    folder = save_paligemma(tmp_path)
    (folder / "chat_template.jinja").unlink()
    model = load(folder)
    own = transformers.AutoProcessor.from_pretrained(folder, backend="pil")(
        images=picture, text="<image>What is it?", return_tensors="pt"
    )
    answer = ask(model, Question("What is it?", picture, decoding=ASKED))
    assert torch.equal(answer.inputs["input_ids"], own["input_ids"])
    own.pop("labels", None)
    generated = model.network.generate(**own, max_new_tokens=5, do_sample=False)[0].tolist()
    assert list(answer.token_ids) == generated[-len(answer.tokens) :]
    assert answer.layout.views


def test_a_language_model_that_is_an_encoder_and_a_decoder_is_refused_by_name(tmp_path: Path) -> None:
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.Blip2Config(
        text_config={"model_type": "t5", "vocab_size": 300, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1},
        vision_config=small | {"image_size": 56, "patch_size": 14},
        qformer_config=small | {"encoder_hidden_size": 32},
        num_query_tokens=4,
        image_token_index=4,
    )
    transformers.AutoModelForImageTextToText.from_config(config).save_pretrained(tmp_path)
    build_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "processor_config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="language model is an encoder-decoder"):
        load(tmp_path)
