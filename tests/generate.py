"""The oracle for answers: `generate` of transformers, on the inputs that its processor makes of a question."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers.video_utils import VideoMetadata

from core.answer import Question
from core.vlm.hf.network import TransformersModel


def generated(model: TransformersModel, question: Question) -> tuple[list[int], torch.Tensor]:
    """The prompt's tokens, and the log-probabilities of what is generated after them, by transformers alone."""
    content: list[dict[str, Any]] = [
        {"type": "image" if isinstance(visual, int) else "video"} for visual in question.visuals
    ]
    messages: list[dict[str, Any]] = []
    for turn in question.history:
        messages.append({"role": "user", "content": [*content, {"type": "text", "text": turn.question}]})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": turn.answer}]})
        content = []
    text: list[dict[str, Any]] = [{"type": "text", "text": question.text}]
    if question.images_at:
        content, text, done = [], [], 0
        for place in question.images_at:
            content += [{"type": "text", "text": question.text[done:place]}, {"type": "image"}]
            done = place
        text = [{"type": "text", "text": question.text[done:]}]
    messages.append({"role": "user", "content": [*content, *text]})
    rendered = model.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    asked: dict[str, Any] = (
        {"return_mm_token_type_ids": True}
        if "mm_token_type_ids" in getattr(model.processor, "model_input_names", ())
        else {}
    )
    still = [question.images[visual] for visual in question.visuals if isinstance(visual, int)]
    if question.clips:
        clips = [[np.asarray(question.images[number]) for number in clip.images] for clip in question.clips]
        asked["videos"] = [np.stack(frames) for frames in clips]
        asked["do_sample_frames"] = False
        asked["video_metadata"] = [
            [
                VideoMetadata(clip.total, clip.rate, duration=clip.total / clip.rate, frames_indices=[*clip.indices])
                for clip in question.clips
            ]
        ]
    inputs = dict(model.processor(text=[rendered], images=still or None, return_tensors="pt", **asked))
    inputs.pop("labels", None)
    said = model.network.generate(
        **{name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)},
        max_new_tokens=question.decoding.max_new_tokens,
        suppress_tokens=sorted(model.image_marker_ids),
        do_sample=False,
        return_dict_in_generate=True,
        output_logits=True,
    )
    return inputs["input_ids"][0].tolist(), torch.cat(said.logits).float().log_softmax(-1)
