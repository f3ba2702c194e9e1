"""BLIP-2 and InstructBLIP: learned queries ask the vision tower, and what they bring back stands before the question.

Both come without a chat template, take one image a question, and cannot go on from a cache: their `forward` wants an
image at every step. Their processors put the queries' tokens before the first token of the tokenizer, and write nothing
of that into the text. So a loaded one is given a form of prompt, a processor whose text is the whole prompt, and a way
past the image.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

from torch import Tensor

from ._questions import IMAGES_FIRST, QUESTION_ANSWER
from .base import Family
from .context import PromptContext

MARKER = "<image>"


@dataclass(eq=False)
class QueryProcessor:
    """What these processors do, with the queries' tokens where the text says `MARKER`. Everything else is the loaded
    processor's own."""

    loaded: Any
    tokenizer: Any
    image_processor: Any
    chat_template: str
    image_token: str = MARKER

    def apply_chat_template(self, messages: Any, **kwargs: Any) -> Any:
        return self.loaded.apply_chat_template(messages, chat_template=self.chat_template, **kwargs)

    def __call__(self, text: list[str], images: Any = None, return_tensors: str = "pt") -> dict[str, Tensor]:
        queries = MARKER * int(self.loaded.num_query_tokens)
        encoding = self.tokenizer([one.replace(MARKER, queries) for one in text], return_tensors=return_tensors)
        pixels = {} if images is None else self.image_processor(images, return_tensors=return_tensors)
        words = [one.replace(MARKER, "").removeprefix(self.tokenizer.bos_token or "") for one in text]
        return {**encoding, **self.for_queries(words), **pixels}

    def for_queries(self, words: list[str]) -> dict[str, Tensor]:
        """What queries that read the question are given; nothing where they do not."""
        tokenizer = getattr(self.loaded, "qformer_tokenizer", None)
        if tokenizer is None:
            return {}
        # (a control token of this tokenizer that was typed stays text)
        encoding = tokenizer(words, return_tensors="pt", split_special_tokens=True)
        return {f"qformer_{name}": encoding[name] for name in ("input_ids", "attention_mask")}


class Blip2(Family):
    """BLIP-2 over a decoder (OPT)."""

    key = "blip_2"
    name = "BLIP-2"
    model_types = ("blip-2",)
    resamples = True
    shares_prefix = True
    most_images = 1
    needs_image = True

    def image_grid(self, context: PromptContext) -> str:
        return f"none: {context.config.num_query_tokens} queries look all over the image"

    def chat_template(self, processor: Any) -> str:
        # Where the tokenizer opens a text with a token of its own, the queries stand before it.
        opens = processor.tokenizer("")["input_ids"][:1] == [processor.tokenizer.bos_token_id]
        return IMAGES_FIRST + ("{{ bos_token }}" if opens else "") + QUESTION_ANSWER

    def adapt(self, network: Any, processor: Any) -> Any:
        network.forward = MethodType(_past_the_image(type(network).forward), network)
        # (BLIP-2's own hands out the language model, head and all)
        network.get_decoder = network.language_model.get_decoder
        return QueryProcessor(processor, processor.tokenizer, processor.image_processor, str(processor.chat_template))


class InstructBlip(Blip2):
    """InstructBLIP over a decoder (Vicuna), whose queries read the question too: what they bring back of an image is of
    use for this question alone."""

    key = "instructblip"
    name = "InstructBLIP"
    model_types = ("instructblip",)
    shares_prefix = False
    tower_reads_words = True

    def word_inputs(self, processor: Any, inputs: Any, ids: Sequence[int], text: str) -> dict[str, Tensor]:
        queries: dict[str, Tensor] = processor.for_queries([text])
        return queries


def _past_the_image(forward: Any) -> Any:
    """The `forward` of a network of these families, but that without an image its language model reads alone."""
    known = inspect.signature(forward).parameters

    def reading(self: Any, **inputs: Any) -> Any:
        if inputs.get("pixel_values") is None and inputs.get("mm_encoder_outputs") is None:
            return self.language_model(**{name: value for name, value in inputs.items() if "qformer" not in name})
        # What is required is given also where its outcome is there already.
        absent = {name: None for name in ("pixel_values", "qformer_input_ids") if name in known and name not in inputs}
        return forward(self, **inputs, **absent)

    reading.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return reading
