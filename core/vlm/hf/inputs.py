"""From a question to what a network reads: refuse what cannot fit, give the images to the processor, put in the words.

The processor is given marks in the place of typed words (see `prompt.py`), so its token ids are replaced here.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ...answer import Question
from ...counted import counted
from ...errors import ImageMissing, QuestionTooLong, UnusableImage, UnusableVideo
from ...masking import as_seen
from ..memory import out_of_memory
from ..prepared import PreparedPrompt
from . import prompt as prompts
from .families.base import Family
from .frames.choosing import check_video, of_clips

LONGEST_TO_SHORTEST = 200
"""Images narrower than one to this many are refused: no processor here makes sense of them."""


TYPES = "mm_token_type_ids"
"""Which tokens are of images, of videos, of text."""

VIDEO_PIXELS = "pixel_values_videos"
"""Where frames are given to the vision tower apart from pictures."""

SECONDS = "second_per_grid_ts"
"""How long each merged frame of a video lasts: positions are counted by it, and half precision would move them."""


@dataclass(frozen=True, eq=False)
class PositionedPrompt(PreparedPrompt):
    """A prepared prompt with its positions, on one axis or several; None where the network counts for itself."""

    positions: Int[Tensor, "axes position"] | None


def positioned(prompt: PreparedPrompt) -> PositionedPrompt:
    """A prompt as this backend prepares it. Raises TypeError for one that another prepared."""
    if not isinstance(prompt, PositionedPrompt):
        raise TypeError(f"a {type(prompt).__name__} was not prepared by the model that is to read it")
    return prompt


def check_words(tokenizer: Any, question: Question, name: str, context_length: int) -> None:
    """Refuse words that cannot fit before any image is processed, from a sample of them where there are very many.
    Raises QuestionTooLong."""
    words = "\n".join([*(part for turn in question.history for part in (turn.question, turn.answer)), question.text])
    sample = prompts.clean(words[: context_length * 16])
    tokens = len(tokenizer(sample, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])
    check_length(round(tokens * max(1.0, len(words) / max(1, len(sample)))), question, name, context_length)


def check_length(tokens: int, question: Question, name: str, context_length: int) -> None:
    """Raises QuestionTooLong where so many `tokens` leave no room for the answer in the context of the model `name`."""
    room = context_length - question.decoding.max_new_tokens
    if tokens <= room:
        return
    earlier = " or clear the earlier turns" if question.history else ""
    raise QuestionTooLong(
        f"The question takes about {tokens:,} tokens with its picture and history, and {name} reads at "
        f"most {max(0, room):,} with {question.decoding.max_new_tokens:,} left for the answer. "
        f"Shorten it by about {counted(tokens - room, 'token')}{earlier}."
    )


def check_images(question: Question, processor: Any, family: Family, name: str) -> None:
    """Raises ImageMissing, UnusableImage or UnusableVideo where the model `name`, of this family, takes no question
    about as many pictures and videos."""
    images = len(question.images)
    if family.needs_image and not images:
        raise ImageMissing(f"{name} takes no question without a picture. Choose a picture.")
    if question.clips:
        check_video(processor, family, name)
        if not family.images_beside_video and question.visuals != question.clips[:1]:
            raise UnusableVideo(f"{name} takes one video at a time, and no picture beside it. Ask about each alone.")
    elif family.most_images is not None and images > family.most_images:
        raise UnusableImage(
            f"{name} takes {family.most_images} picture at a time, and the question has {images}. Ask about each alone."
        )


def kinds_of(prompt: PreparedPrompt) -> tuple[str, ...]:
    """What a vision tower is given for a prompt: pictures ("image"), frames in inputs of their own ("video"), or
    both. Some processors make frames pictures."""
    if VIDEO_PIXELS not in prompt.inputs:
        return ("image",)
    return ("image", "video") if len(prompt.question.visuals) > len(prompt.question.clips) else ("video",)


def visual_ids(config: Any, question: Question) -> frozenset[int]:
    """The tokens in whose place a network reads the pictures, and the videos if there are any, of a question."""
    names = ("image_token_id", "video_token_id") if question.clips else ("image_token_id",)
    return frozenset(token for name in names if isinstance(token := getattr(config, name, None), int))


def seen(question: Question, ids: Sequence[int], family: Family) -> str:
    """The fingerprint of all that decides what the vision tower hands on for a prompt of these tokens."""
    return question.visual_fingerprint() + (repr(tuple(ids)) if family.tower_reads_words else "")


def spoken(prompt: prompts.Prompt, images: Sequence[int], tokenizer: Any) -> str:
    """A prompt's text without its image tokens and the token that opens it."""
    text = "".join(token for position, token in enumerate(prompt.tokens) if position not in set(images))
    return text.removeprefix(tokenizer.bos_token or "")


def processed(processor: Any, rendered: str, question: Question, name: str) -> tuple[str, dict[str, Tensor]]:
    """The rendered prompt with its image placeholders expanded, and the processor's inputs. Raises UnusableImage for an
    image that the model `name` cannot take, ImageMissing where it takes no question without one."""
    if question.clips and getattr(processor, "video_token", "") not in rendered:
        raise UnusableVideo(
            f"The chat template of {name} has no place for a video. Choose a version whose template has one, or ask "
            "about single frames as pictures."
        )
    shown = [image.convert("RGB") for image in as_seen(question)]
    for image in shown:
        if max(image.size) > LONGEST_TO_SHORTEST * min(image.size):
            raise UnusableImage(
                f"The picture is {image.width} x {image.height} px, too narrow for a model to see anything. "
                f"Crop it to less than {LONGEST_TO_SHORTEST} times as long as wide."
            )
    tokenizer = _TextKeeper(processor.tokenizer)
    processor = copy.copy(processor)
    processor.tokenizer = tokenizer
    images = [shown[visual] for visual in question.visuals if isinstance(visual, int)]
    try:
        batch = processor(text=[rendered], images=images or None, return_tensors="pt", **of_clips(question, shown))
    except (ValueError, ZeroDivisionError) as error:
        if not shown:
            raise ImageMissing(f"{name} takes no question without a picture ({error}). Choose a picture.") from error
        if question.clips:
            raise UnusableVideo(f"{name} cannot take this video ({in_pixels(question)}): {error}") from error
        raise UnusableImage(f"{name} cannot take this picture ({in_pixels(question)}): {error}") from error
    if TYPES not in batch and TYPES in getattr(processor, "model_input_names", ()):
        # Positions are counted by them, and not every processor gives them unasked.
        batch[TYPES] = torch.as_tensor(processor.create_mm_token_type_ids(batch["input_ids"]))
    # Training alone reads labels; given some, a network would compute a loss.
    return tokenizer.text, {key: value for key, value in batch.items() if key != "labels"}


def numbers_in(inputs: Mapping[str, Tensor]) -> int:
    """How many numbers a prompt's pictures are, as a network is given them."""
    return sum(value.numel() for value in inputs.values() if value.is_floating_point())


def in_pixels(question: Question) -> str:
    """The sizes of a question's pictures and videos, for a sentence."""
    sizes = [f"{image.width} x {image.height} px" for image in question.images]
    return ", ".join(
        sizes[visual] if isinstance(visual, int) else f"{len(visual)} frames of {sizes[visual.first]}"
        for visual in question.visuals
    )


def check_seen(image_positions: Sequence[int], question: Question, name: str) -> None:
    """Raises UnusableImage where the model `name` would see nothing of the images: one that is shrunk to less than a
    patch on its short side has no image token."""
    if question.images and not image_positions:
        raise UnusableImage(
            f"Nothing of the picture ({in_pixels(question)}) is left at the size at which {name} looks at it: no image "
            "token stands for it. Crop it so that it is less narrow."
        )


@contextlib.contextmanager
def looking_at(question: Question, name: str) -> Iterator[None]:
    """The vision tower's pass over a question's images. Raises UnusableImage where the tower fails on their shape."""
    try:
        yield
    except (RuntimeError, IndexError, ValueError) as error:
        if out_of_memory(error):
            raise
        first = (str(error).strip().splitlines() or [""])[0][:160]
        raise UnusableImage(
            f"The vision tower of {name} fails on the picture ({in_pixels(question)}; {type(error).__name__}: "
            f"{first}). Crop it so that it is less narrow, or choose another model."
        ) from error


class _TextKeeper:
    """A processor's tokenizer that keeps the text it is given: the prompt with its placeholders expanded, and with
    whatever else the processor writes into it. No two families expand in the same way."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.text = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, text: Sequence[str], *args: Any, **kwargs: Any) -> Any:
        (self.text,) = text
        return self._tokenizer(text, *args, **kwargs)


def is_token_types(name: str) -> bool:
    """Whether an input of that name says of every token of which type it is. Ernie has such types of two kinds."""
    return name.endswith("token_type_ids")


def with_ids(inputs: dict[str, Tensor], ids: Sequence[int], network: Any) -> dict[str, Tensor]:
    """The processor's inputs with the prompt's real tokens in place of the marks', on the network's device."""
    tokens, marked = torch.tensor([ids]), inputs["input_ids"].flatten().tolist()
    inputs = {**inputs, "input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    for name in filter(is_token_types, inputs):
        # The type that the processor gives a token (of an image, mostly) is the token's wherever it stands.
        types = dict(zip(marked, inputs[name].flatten().tolist(), strict=True))
        inputs[name] = torch.tensor([[types.get(token, 0) for token in ids]])
    return {
        name: value.to(network.device, network.dtype if value.is_floating_point() and name != SECONDS else None)
        for name, value in inputs.items()
        if isinstance(value, Tensor)
    }


def continuation_ids(
    processor: Any, control: frozenset[int], question: Question, text: str, name: str
) -> tuple[int, ...]:
    """The tokens of `text` as an answer to the question: as they follow its prompt, or else as they stand alone."""
    tokenizer, rendered = processor.tokenizer, prompts.render(processor, question, name)
    opening = prompts.answer_opening(rendered, prompts.render(processor, question, name, answered=True))
    answer = prompts.clean(text)
    if not answer:
        return ()
    words = prompts.typed_words(question)
    before = prompts.encode(tokenizer, rendered, words, control).ids
    marked = rendered + opening + prompts.mark(len(words))
    both = prompts.encode(tokenizer, marked, [*words, answer], control).ids
    if both[: len(before)] == before:
        return both[len(before) :]
    return prompts.encode(tokenizer, prompts.mark(0), [answer], control).ids


def end_ids(network: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: the generation configuration's, the network's and the tokenizer's."""
    configured = [
        getattr(getattr(network, "generation_config", None), "eos_token_id", None),
        getattr(network.config.get_text_config(), "eos_token_id", None),
        tokenizer.eos_token_id,
    ]
    ids: set[int] = set()
    for value in configured:
        ids.update(value if isinstance(value, list) else [value] if value is not None else [])
    return frozenset(ids)
