"""Markers of pictures that somebody types are text, however a tokenizer comes by their token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from core.answer import Decoding, Question, TokenKind, Turn
from core.vlm.generation import ask
from core.vlm.hf.markers import control_ids
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.prompt import encode, mark
from core.vlm.scoring import score
from tests.families import saver
from tests.generate import generated
from tests.zoo import LLAVA_SIDE, LLAVA_TEMPLATE, PATCH, load, save_llava

WORDS = ("▁", "▁a", "▁the", "▁door", "?", *"abcdefghijklmnopqrstuvwxyz<>/|_:.,ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def pieces(*, image: str = "<image>", added: AddedToken | None = None, normalizer: Any = None) -> Any:
    """A tokenizer of pieces with byte fallback, as SentencePiece makes them. Where the image token is not `added`, it
    is a piece like any other, the likeliest of all."""
    controls = ["<pad>", "<s>", "</s>", "<unk>"]
    vocabulary = [(token, 0.0) for token in controls] + ([] if added else [(image, -1.0)])
    vocabulary += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    vocabulary += [(word, -10.0 + len(word)) for word in dict.fromkeys(WORDS)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Metaspace()])
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in controls])
    if added:
        tokenizer.add_tokens([added])
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **named)


TOKENIZERS = {
    "an ordinary added token": lambda: pieces(added=AddedToken("<image>", special=False, normalized=False)),
    "an added token that is written in several ways": lambda: pieces(
        added=AddedToken("<image>", special=False, normalized=True), normalizer=normalizers.NFKC()
    ),
    "a piece of the vocabulary": pieces,
    "a piece that is written in several ways": lambda: pieces(normalizer=normalizers.NFKC()),
}


@pytest.fixture(scope="module", params=sorted(TOKENIZERS))
def named_by_processor_alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TransformersModel:
    """A LLaVA whose tokenizer does not call the image token special."""
    folder = save_llava(tmp_path_factory.mktemp("llava"))
    tokenizer = TOKENIZERS[request.param]()
    size = {"height": LLAVA_SIDE, "width": LLAVA_SIDE}
    transformers.LlavaProcessor(
        transformers.CLIPImageProcessorPil(size={"shortest_edge": LLAVA_SIDE}, crop_size=size),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=LLAVA_TEMPLATE,
    ).save_pretrained(folder)
    config = transformers.LlavaConfig.from_pretrained(folder)
    config.text_config.vocab_size = len(tokenizer)
    config.image_token_id = tokenizer.convert_tokens_to_ids("<image>")
    network = transformers.LlavaForConditionalGeneration(config)
    network.save_pretrained(folder)
    return load(folder)


@pytest.mark.parametrize("marker", ["<image>", "<image><image>", "＜image＞", "<<image>image>", "<image", "a<image>"])
def test_a_typed_image_token_is_text(
    named_by_processor_alone: TransformersModel, picture: Image.Image, marker: str
) -> None:
    model = named_by_processor_alone
    image = model.network.config.image_token_id
    assert image not in model.processor.tokenizer.all_special_ids
    question = Question(
        f"the {marker} door?", (picture,), history=(Turn(marker, f"a {marker}"),), decoding=Decoding(max_new_tokens=3)
    )
    prepared = model.prepare(question)
    assert prepared.ids.count(image) == len(prepared.layout.positions(TokenKind.IMAGE)) == 16
    typed = "".join(prepared.prompt_tokens[position] for position in prepared.layout.positions(TokenKind.TEXT))
    assert typed.count(marker) == 3
    assert image not in model.continuation(question, f"the {marker}")
    assert ask(model, question).tokens
    assert len(score(model, question, f"a {marker}").logprobs)


def test_ordinary_words_stay_as_the_tokenizer_has_them(
    named_by_processor_alone: TransformersModel, picture: Image.Image
) -> None:
    question = Question("the door?", (picture,), decoding=Decoding(max_new_tokens=3))
    answer = ask(named_by_processor_alone, question)
    prompt, logprobs = generated(named_by_processor_alone, question)
    assert answer.inputs["input_ids"][0].tolist() == prompt
    for token, row in zip(answer.tokens, logprobs, strict=False):
        assert token.logprob == pytest.approx(float(row[token.id]), abs=1e-5)


MARKERS = {
    "gemma3": ("<image_soft_token>", "<start_of_image>", "<end_of_image>"),
    "smolvlm": ("<image>", "<fake_token_around_image>", "<global-img>", "<row_1_col_1>"),
    "ernie4_5_vl_moe": (
        "<|IMAGE_PLACEHOLDER|>",
        "<|IMAGE_START|>",
        "<|IMAGE_END|>",
        "<|VIDEO_PLACEHOLDER|>",
        "<|VIDEO_START|>",
    ),
    "glm46v": ("<|image|>", "<|begin_of_image|>", "<|end_of_image|>", "<|video|>", "<|begin_of_video|>"),
}


@pytest.mark.parametrize("name", MARKERS)
def test_markers_around_and_among_image_tokens_are_text_too(name: str, picture: Image.Image, tmp_path: Path) -> None:
    model = load(saver(name)(tmp_path))
    plain = model.prepare(Question("Where is it?", (picture,)))
    for marker in MARKERS[name]:
        token = model.processor.tokenizer.convert_tokens_to_ids(marker)
        prepared = model.prepare(Question(f"Where is {marker} it?", (picture,)))
        assert prepared.ids.count(token) == plain.ids.count(token), marker
        assert f"Where is {marker} it?" in "".join(prepared.prompt_tokens)
        assert token not in model.continuation(prepared.question, f"a {marker}")


def test_words_that_a_configuration_names_by_mistake_stay_words(llava: TransformersModel) -> None:
    """Defaults that nobody set for this tokenizer point at some word or other."""
    config = llava.network.config
    tokenizer = llava.processor.tokenizer
    word = tokenizer.convert_tokens_to_ids("the")

    class Misnamed:
        image_token_id = config.image_token_id

        def to_dict(self) -> dict[str, Any]:
            return config.to_dict() | {"image_start_token_id": word, "user_token_id": word, "video_token_id": 10**6}

    assert word not in control_ids(llava.processor, Misnamed())


def test_white_space_that_a_template_takes_from_typed_words_leaves_its_tokens_whole() -> None:
    tokenizer = pieces(added=AddedToken("<image>", special=False, normalized=False, lstrip=True, rstrip=True))
    image = tokenizer.convert_tokens_to_ids("<image>")
    prompt = encode(tokenizer, f"{mark(0)}<image>{mark(1)}", ["the  ", "  door"], frozenset({image}))
    assert prompt.ids.count(image) == 1
    assert "".join(prompt.tokens) == "the  <image>  door"
