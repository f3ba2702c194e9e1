"""What `transformers` alone says of a BLIP that answers questions, laid out as one sequence: the tower's tokens, the
question, the answer.

Its three networks are called one after the other, as its `generate` calls them. Each attention's weights are laid into
one matrix of the whole sequence as it is computed, and taken out of it again, so that gradients with respect to the
matrix are to be had.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AutoProcessor, BitsAndBytesConfig, BlipForQuestionAnswering

from ..answer import Answer, Question
from ..vlm.hf.quantised import with_gradients
from .oracle import Oracle

Spans = dict[str, range]
"""The positions of the picture, of the question and of the answer."""


class BlipOracle(Oracle):
    """A BlipForQuestionAnswering of a folder, and its own processor."""

    def __init__(self, folder: Path, suppressed: frozenset[int], four_bit: bool = False) -> None:
        names: dict[str, Any] = {}
        if four_bit:
            names["quantization_config"] = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
            )
        network: Any = BlipForQuestionAnswering.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, **names
        )
        self.network = network.eval()
        with_gradients(self.network)
        self._processor = AutoProcessor.from_pretrained(folder)
        (self._marker,) = suppressed

    def inputs(self, question: Question) -> dict[str, Tensor]:
        earlier = [words for turn in question.history for words in (turn.question, turn.answer)]
        batch = self._processor(
            images=question.images[0].convert("RGB"), text=" ".join([*earlier, question.text]), return_tensors="pt"
        )
        return dict(batch)

    def generate(self, question: Question) -> tuple[list[int], Float[Tensor, "answer vocabulary"]]:
        inputs = self.inputs(question)
        said = self.network.generate(
            **inputs,
            max_new_tokens=question.decoding.max_new_tokens,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
        words = inputs["input_ids"][0].tolist()
        prompt = [self._marker] * self._tower_tokens() + words + [self.network.decoder_start_token_id]
        return prompt, torch.cat(said.logits).float().log_softmax(-1)

    def passed(
        self,
        answer: Answer,
        grad: bool = False,
        blocked: tuple[list[int], list[int]] | None = None,
        across: tuple[list[int], list[int]] | None = None,
        layers: frozenset[int] | None = None,
    ) -> tuple[Float[Tensor, "answer vocabulary"], dict[int, Float[Tensor, "heads query key"]]]:
        inputs, network = self.inputs(answer.question), self.network
        written = torch.tensor([[network.decoder_start_token_id, *answer.token_ids[:-1]]])
        patches, asked = self._tower_tokens(), inputs["input_ids"].shape[1]
        ends = (0, patches, patches + asked, patches + asked + written.shape[1])
        spans = {name: range(*ends[n : n + 2]) for n, name in enumerate(("picture", "question", "answer"))}
        with self._whole(spans, blocked) as weights, torch.set_grad_enabled(grad):
            picture = network.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state
            question = network.text_encoder(input_ids=inputs["input_ids"], encoder_hidden_states=picture)
            logits = network.text_decoder(input_ids=written, encoder_hidden_states=question.last_hidden_state).logits
        return logits[0], weights

    def _tower_tokens(self) -> int:
        vision = self.network.config.vision_config
        return int((vision.image_size // vision.patch_size) ** 2 + 1)

    @contextmanager
    def _whole(self, spans: Spans, blocked: tuple[list[int], list[int]] | None) -> Iterator[dict[int, Tensor]]:
        """In this block the weights of every text attention are kept, by the number of the half of its layer."""
        weights: dict[int, Tensor] = {}
        sides = (
            (self.network.text_encoder, "question", "picture"),
            (self.network.text_decoder.bert, "answer", "question"),
        )
        number = 0
        with ExitStack() as hooks:
            for text, own, other in sides:
                for layer in text.encoder.layer:
                    for attention, source in ((layer.attention, own), (layer.crossattention, other)):
                        keep = _keeping(weights, number, spans[own], spans[source], spans["answer"].stop, blocked)
                        hooks.callback(attention.self.dropout.register_forward_hook(keep).remove)
                        number += 1
            yield weights


def _keeping(
    weights: dict[int, Tensor],
    number: int,
    rows: range,
    columns: range,
    length: int,
    blocked: tuple[list[int], list[int]] | None,
) -> Any:
    """A hook on weights that are about to be used: those of `rows` and `columns` of a sequence of `length`."""

    def keep(_: Any, __: Any, given: Float[Tensor, "1 heads row column"]) -> Tensor:
        around = (columns.start, length - columns.stop, rows.start, length - rows.stop)
        whole = torch.nn.functional.pad(given, around)
        if blocked is not None:
            cut = torch.zeros(length, length, dtype=torch.bool)
            cut[torch.tensor(blocked[0])[:, None], torch.tensor(blocked[1])] = True
            whole = whole.masked_fill(cut, 0)
            # What is left shares the weight; where nothing is left, nothing is looked at.
            whole = whole / whole.sum(-1, keepdim=True).clamp(min=1e-30)
        if whole.requires_grad:
            whole.retain_grad()
        weights[number] = whole
        return whole[..., rows.start : rows.stop, columns.start : columns.stop]

    return keep
