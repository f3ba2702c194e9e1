"""The oracle for answers: `generate` of transformers, on the inputs that its processor makes of a question."""

from __future__ import annotations

from typing import Any

import torch

from core.answer import Question
from core.vlm.hf.network import TransformersModel


def generated(model: TransformersModel, question: Question) -> tuple[list[int], torch.Tensor]:
    """The prompt's tokens, and the log-probabilities of what is generated after them, by transformers alone."""
    content: list[dict[str, Any]] = [{"type": "image"} for _ in question.images]
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
    asked = (
        {"return_mm_token_type_ids": True}
        if "mm_token_type_ids" in getattr(model.processor, "model_input_names", ())
        else {}
    )
    inputs = dict(model.processor(text=[rendered], images=list(question.images) or None, return_tensors="pt", **asked))
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
