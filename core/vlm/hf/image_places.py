"""Whose fault it is that a picture has no place in a prompt: the template's, the configuration's, or its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...answer import Question
from ...errors import ModelUnavailable, TemplateRefuses, UnusableImage
from . import prompt as prompts
from .markers import placeholder_ids


@contextmanager
def blamed(processor: Any, config: Any, question: Question, rendered: str, name: str) -> Iterator[None]:
    """Where a picture is refused within, see first whether the model `name` has a place for any.

    Raises TemplateRefuses where the `rendered` template has none, ModelUnavailable where the configuration looks for
    pictures at a token that the template does not write, and else what was raised.
    """
    try:
        yield
    except UnusableImage as error:
        if not question.images or question.clips:
            raise
        if rendered == prompts.render(processor, replace(question, images=(), masks=(), images_at=()), name):
            raise TemplateRefuses(
                f"The chat template of {name} has no place for a picture, so the model would not see it. Choose a "
                "version whose template has one, or another model."
            ) from error
        token = getattr(config, "image_token_id", None)
        written = processor.tokenizer.convert_ids_to_tokens(token) if _in(processor.tokenizer, token) else None
        if isinstance(token, int) and (written is None or written not in rendered):
            raise ModelUnavailable(
                f"config.json of {name} looks for pictures at token {token:,}, which its chat template does not write: "
                "they belong to different models. Download the model again."
            ) from error
        raise


def _in(tokenizer: Any, token: object) -> bool:
    return isinstance(token, int) and 0 <= token < len(tokenizer)


def check_known(ids: Sequence[int], network: Any, name: str) -> None:
    """Raises ModelUnavailable where a prompt has a token that the network of the model `name` has no state for.
    Placeholders need none: states of the picture stand in their place."""
    rows = int(network.get_input_embeddings().weight.shape[0])
    placeholders = placeholder_ids(network.config)
    unknown = next((token for token in ids if token >= rows and token not in placeholders), None)
    if unknown is not None:
        raise ModelUnavailable(
            f"The tokenizer of {name} writes token {unknown:,}, and its network knows {rows:,} tokens: they belong to "
            "different models. Download the model again."
        )
