"""BLIP for visual question answering: a tower, an encoder that reads the question and looks at the picture, a decoder
that writes the answer and looks at the question.

A loaded one is asked and explained as one decoder over one sequence (`_blip_network.py`). The sequence begins with the
tower's tokens, a class token and a square of patches; then come the question and the token that opens an answer.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from ....answer import PatchView
from ....errors import ModelUnavailable
from ._blip_network import JoinedDecoder, reading, seeing
from ._rasters import Rasters, whole_image
from .base import Family, Tower
from .context import PromptContext

MARKER = "<image>"

OPENS = "[DEC]"
"""What the authors call the token that opens an answer. Checkpoints know it by its number alone."""

ONE_QUESTION = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>"
    "{% endif %}{% endfor %}{% endfor %}BEFORE{% for message in messages %}{{ ' ' if not loop.first else '' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}AFTER{% endif %}"
)
"""BEFORE and AFTER are the tokenizer's own. Earlier turns, of which BLIP knows nothing, stand as words before it."""


@dataclass(eq=False)
class JoinedProcessor:
    """What makes one sequence of a picture and a question: the tower's tokens stand where the text says `MARKER`."""

    loaded: Any
    tokenizer: Any
    image_processor: Any
    chat_template: str
    patch_size: int
    image_token: str = MARKER

    def apply_chat_template(self, messages: Any, **kwargs: Any) -> Any:
        return self.loaded.apply_chat_template(messages, chat_template=self.chat_template, **kwargs)

    def __call__(self, text: list[str], images: Any = None, return_tensors: str = "pt") -> dict[str, Tensor]:
        pixels = {} if images is None else self.image_processor(images, return_tensors=return_tensors)
        places = 0 if images is None else tower_places(pixels["pixel_values"], self.patch_size)
        expanded = [one.replace(MARKER, MARKER * places) for one in text]
        return {**self.tokenizer(expanded, return_tensors=return_tensors, add_special_tokens=False), **pixels}


class Blip(Family):
    """BLIP for visual question answering. Each of its text layers counts as two, self-attention and cross-attention,
    first the encoder's and then the decoder's."""

    key = "blip"
    name = "BLIP (visual question answering)"
    model_types = ("blip",)
    network_class = "BlipForQuestionAnswering"
    stacks = True
    most_images = 1
    needs_image = True
    undivided = True

    def describes(self, config: Any) -> bool:
        return self.network_class in (config.architectures or ())

    def chat_template(self, processor: Any) -> str:
        return ONE_QUESTION

    def adapt(self, network: Any, processor: Any) -> Any:
        text, vision = copy.copy(network.config.text_config), network.config.vision_config
        if text.hidden_size != vision.hidden_size:
            raise ModelUnavailable(
                f"config.json describes a tower of {vision.hidden_size} numbers a patch and a text of "
                f"{text.hidden_size} a word. A BLIP looks at both through matrices of one shape, so it cannot be "
                "computed. Correct it, or download the model again."
            )
        tokenizer = processor.tokenizer
        before, after = _around(tokenizer)
        opens = _token_of(tokenizer, network.decoder_start_token_id)
        tokenizer.add_tokens([MARKER], special_tokens=True)
        # The joined sequence says itself what stands around a question.
        tokenizer.backend_tokenizer.post_processor = None
        tokenizer.bos_token = None
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(text.sep_token_id)
        network.joined = JoinedDecoder(network)
        text.num_hidden_layers = len(network.joined.layers)
        text.max_position_embeddings += (vision.image_size // vision.patch_size) ** 2 + 1
        text.eos_token_id = text.sep_token_id
        network.config = copy.copy(network.config)
        network.config.text_config = text
        network.config.image_token_id = tokenizer.convert_tokens_to_ids(MARKER)
        network.generation_config.eos_token_id = text.sep_token_id
        for layer in network.vision_model.encoder.layers:
            layer.self_attn.forward = MethodType(seeing, layer.self_attn)
        network.forward = MethodType(reading, network)
        network.get_image_features = MethodType(_image_features, network)
        network.get_decoder = MethodType(_decoder, network)
        network.get_output_embeddings = MethodType(_output_embeddings, network)
        template = ONE_QUESTION.replace("BEFORE", before).replace("AFTER", after + opens)
        return JoinedProcessor(processor, tokenizer, processor.image_processor, template, vision.patch_size)

    def word_inputs(
        self, processor: Any, inputs: Mapping[str, Tensor], ids: Sequence[int], text: str
    ) -> dict[str, Tensor]:
        marker = processor.tokenizer.convert_tokens_to_ids(MARKER)
        return {"question_length": torch.tensor([[len(ids) - list(ids).count(marker) - 1]])}

    def image_grid(self, context: PromptContext) -> str:
        side = context.config.vision_config.image_size // context.config.vision_config.patch_size
        return f"{side} x {side}"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, patch = Rasters(context.image_positions), context.config.vision_config.patch_size
        for image, size in enumerate(context.image_sizes):
            rows, columns = (side // patch for side in context.inputs["pixel_values"].shape[-2:])
            # The class token has no place in the image.
            rasters.skip(1)
            rasters.add(image, "picture", rows, columns, whole_image(size))
        return rasters.all()

    def tower(self, context: PromptContext) -> Tower | None:
        vision = context.network.vision_model

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            normed: Tensor = vision.post_layernorm(states)
            return normed[None]

        places = torch.arange(len(context.image_positions), device=context.inputs["input_ids"].device)
        return Tower(vision.encoder.layers, places[:, None], vision.post_layernorm, project)


def tower_places(pixels: Float[Tensor, "image channel height width"], patch: int) -> int:
    """How many tokens the tower makes of a picture: its patches, and a class token before them."""
    height, width = pixels.shape[-2:]
    return (height // patch) * (width // patch) + 1


def _around(tokenizer: Any) -> tuple[str, str]:
    """What a tokenizer writes before and after a question."""
    whole, bare = (tokenizer("a", add_special_tokens=added)["input_ids"] for added in (True, False))
    start = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    before, after = whole[:start], whole[start + len(bare) :]
    return "".join(tokenizer.convert_ids_to_tokens(before)), "".join(tokenizer.convert_ids_to_tokens(after))


def _token_of(tokenizer: Any, number: int) -> str:
    """What a tokenizer calls the token that opens an answer. One that ends before it, as those of the hub do, is given
    it."""
    while len(tokenizer) <= number:
        tokenizer.add_tokens([OPENS if len(tokenizer) == number else f"[unused {len(tokenizer)}]"], special_tokens=True)
    return str(tokenizer.convert_ids_to_tokens(number))


def _image_features(self: Any, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
    """What the joined decoder reads at the tower's tokens, as other networks hand out their image features."""
    return BaseModelOutputWithPooling(pooler_output=self.vision_model(pixel_values=pixel_values).last_hidden_state)


def _decoder(self: Any) -> Any:
    return self.joined


def _output_embeddings(self: Any) -> Any:
    return self.text_decoder.get_output_embeddings()
