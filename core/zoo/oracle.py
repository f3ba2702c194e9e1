"""What `transformers` alone says: a second network from the same folder, whose attention is written out.

Nothing here uses what Sightline does with a network: no cache between questions, no recorded rows, no families.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForImageTextToText, BitsAndBytesConfig
from transformers.masking_utils import eager_mask
from transformers.video_utils import VideoMetadata

from ..answer import Answer, Question
from ..vlm.hf.decoder import decoder_of
from ..vlm.hf.quantised import with_gradients
from ..vlm.hf.recompute import first_of

NAME = "zoo_written_out"


class _Listening:
    """What the written-out attention of the decoder keeps while somebody listens, and which rows it keeps from seeing
    which columns."""

    def __init__(self) -> None:
        self.weights: dict[int, Tensor] | None = None
        self.blocked: tuple[list[int], list[int]] | None = None
        self.across: tuple[list[int], list[int]] | None = None
        self.layers: frozenset[int] | None = None


_now = _Listening()


def _written_out(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """softmax(scaling q k^T) v, whole."""
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is not None:
        scores = scores + attention_mask[..., : key.shape[2]]
    within = query.shape[2] == key.shape[2]
    # Cross-attention (Llama 3.2 Vision) is of no position of the sequence.
    if _now.blocked is not None and within:
        rows, columns = (torch.tensor(positions) for positions in _now.blocked)
        scores[..., rows[:, None], columns] = -1e9
    weights = scores.softmax(-1)
    if _now.across is not None and not within and (_now.layers is None or module.layer_idx in _now.layers):
        rows, columns = (torch.tensor(positions) for positions in _now.across)
        cut = torch.zeros(scores.shape[-2:], dtype=torch.bool)
        cut[rows[:, None], columns] = True
        # What is left shares the weight; where nothing is left, nothing is looked at.
        weights = weights.masked_fill(cut, 0)
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
    if _now.weights is not None and within:
        if weights.requires_grad:
            weights.retain_grad()
        _now.weights[int(module.layer_idx)] = weights
    return (weights @ value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(NAME, _written_out)
AttentionMaskInterface.register(NAME, eager_mask)


class Oracle:
    """The folder's network, as `transformers` loads it, and the processor with which its inputs are made."""

    def __init__(self, folder: Path, processor: Any, suppressed: frozenset[int], four_bit: bool = False) -> None:
        names: dict[str, Any] = {"attn_implementation": {"": "eager", "text_config": NAME}}
        if four_bit:
            names["quantization_config"] = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
            )
        self.network = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, **names
        ).eval()
        # Some processors would compute in half precision.
        with_gradients(self.network)
        self._processor = processor
        self._suppressed = sorted(suppressed)

    def inputs(self, question: Question) -> dict[str, Tensor]:
        """A question's inputs through the chat template, or through the processor alone where there is none."""
        images = [question.images[visual].convert("RGB") for visual in question.visuals if isinstance(visual, int)]
        if getattr(self._processor, "chat_template", None):
            text = self._processor.apply_chat_template(_messages(question), add_generation_prompt=True, tokenize=False)
        else:
            text = question.text
        # Cosmos 3 wants types that its processor gives only when asked.
        names = getattr(self._processor, "model_input_names", ())
        asked: dict[str, Any] = {"return_mm_token_type_ids": True} if "mm_token_type_ids" in names else {}
        if question.clips:
            frames = [[np.asarray(question.images[number]) for number in clip.images] for clip in question.clips]
            told = [
                VideoMetadata(clip.total, clip.rate, duration=clip.duration, frames_indices=[*clip.indices])
                for clip in question.clips
            ]
            asked |= {
                "videos": [np.stack(some) for some in frames],
                "video_metadata": [told],
                "do_sample_frames": False,
            }
        batch = self._processor(text=[text], images=images or None, return_tensors="pt", **asked)
        tensors = {name: value for name, value in batch.items() if isinstance(value, Tensor) and name != "labels"}
        return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}

    def generate(self, question: Question) -> tuple[list[int], Float[Tensor, "answer vocabulary"]]:
        """The prompt's tokens, and the log-probabilities of what `generate` writes after them."""
        inputs = self.inputs(question)
        said = self.network.generate(
            **inputs,
            max_new_tokens=question.decoding.max_new_tokens,
            suppress_tokens=self._suppressed or None,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
        return inputs["input_ids"][0].tolist(), torch.cat(said.logits).float().log_softmax(-1)

    def passed(
        self,
        answer: Answer,
        grad: bool = False,
        blocked: tuple[list[int], list[int]] | None = None,
        across: tuple[list[int], list[int]] | None = None,
        layers: frozenset[int] | None = None,
    ) -> tuple[Float[Tensor, "answer vocabulary"], dict[int, Float[Tensor, "heads query key"]]]:
        """The logits of an answer's tokens from one pass over the whole sequence, and the attention of each layer that
        has one, with a graph behind them where gradients are wanted. `blocked` rows do not see `blocked` columns, and
        those of `across` not these keys of cross-attention, in some `layers` or all."""
        more = torch.tensor([answer.token_ids[:-1]], dtype=torch.long)
        inputs = dict(self.inputs(answer.question))
        prompt = inputs["input_ids"].shape[1]
        inputs["input_ids"] = torch.cat([inputs["input_ids"], more], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        # PaliGemma's answers are told from the prompt, whose tokens see each other both ways.
        types = torch.full_like(more, self.network.config.model_type == "paligemma")
        for name in [name for name in inputs if name.endswith("token_type_ids")]:
            inputs[name] = torch.cat([inputs[name], types], 1)
        if "cross_attention_mask" in inputs:
            # An answer looks at what the prompt's last token looks at.
            mask = inputs["cross_attention_mask"]
            inputs["cross_attention_mask"] = torch.cat([mask, mask[:, -1:].expand(-1, more.shape[1], -1, -1)], 1)
        with _listening(blocked, across, layers) as weights, torch.set_grad_enabled(grad):
            logits = self.network(**inputs, use_cache=False).logits[0]
        return logits[prompt - 1 : prompt - 1 + len(answer.tokens)].float(), {
            layer: kept for layer, kept in sorted(weights.items())
        }

    def around(self, layer: int, answer: Answer) -> tuple[Float[Tensor, "position hidden"], ...]:
        """The states that enter a layer of the decoder, and those that it leaves, in one pass over an answer."""
        seen: list[Tensor] = []

        def hear(_: Any, given: tuple[Any, ...], named: dict[str, Any], left: Any) -> None:
            states = given[0] if given else named["hidden_states"]
            seen.extend(part.reshape(-1, part.shape[-1]) for part in (states, first_of(left)))

        hook = decoder_of(self.network).layers[layer].register_forward_hook(hear, with_kwargs=True)
        try:
            self.passed(answer)
        finally:
            hook.remove()
        return tuple(seen)


@contextlib.contextmanager
def _listening(
    blocked: tuple[list[int], list[int]] | None,
    across: tuple[list[int], list[int]] | None,
    layers: frozenset[int] | None,
) -> Iterator[dict[int, Tensor]]:
    """In this block the written-out attention keeps its weights, by layer."""
    _now.weights, _now.blocked, _now.across, _now.layers = {}, blocked, across, layers
    try:
        yield _now.weights
    finally:
        _now.weights = _now.blocked = _now.across = None


def _messages(question: Question) -> list[dict[str, Any]]:
    said: list[tuple[str, str]] = []
    for turn in question.history:
        said += [("user", turn.question), ("assistant", turn.answer)]
    said.append(("user", question.text))
    pictures = [{"type": "image" if isinstance(visual, int) else "video"} for visual in question.visuals]
    return [
        {"role": role, "content": [*(pictures if number == 0 else ()), {"type": "text", "text": words}]}
        for number, (role, words) in enumerate(said)
    ]
