"""Rendering a model's chat template: a program that came with the model, in a sandbox of `transformers`.

The sandbox keeps it from touching anything, not from computing without end, so it is given a few seconds, and what
could take all memory at once is tried elsewhere first. What it
refuses of its own accord (`raise_exception`) is told in its own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError, TemplateRuntimeError, TemplateSyntaxError

from ...errors import TemplateRefuses
from .render_clock import TooLong, for_seconds
from .vetting import check_rendering

SECONDS = 2.0
"""Of a processor. Templates of real models take some thousandths."""

LONGEST = 10_000_000
"""Letters that a template may write around marks of a few letters."""


def rendered(processor: Any, messages: Sequence[Any], name: str, *, answered: bool) -> str:
    """The template of the model `name` around messages; without `answered` up to where the model begins to write.

    Raises TemplateRefuses where the template refuses them, is broken or does not end in time.
    """
    _try_elsewhere(processor, messages, name, answered)
    try:
        with for_seconds(SECONDS):
            text = str(processor.apply_chat_template(messages, add_generation_prompt=not answered, tokenize=False))
    except TooLong:
        raise TemplateRefuses(
            f"The chat template of {name} was stopped after {SECONDS:.0f} s: it computes without end. Choose another "
            "model, or a version of it with another template."
        ) from None
    except TemplateSyntaxError as error:
        raise TemplateRefuses(
            f"The chat template of {name} is damaged ({error.message}, line {error.lineno}). Download the model again."
        ) from error
    except TemplateError as error:
        if isinstance(error, TemplateRuntimeError):
            raise _fails(error, name) from error
        raise TemplateRefuses(
            f"The chat template of {name} refuses this conversation: “{_plain(error)}”. Choose another model, or "
            "ask in the way it wants, mostly without earlier turns."
        ) from error
    except Exception as error:  # a template can fail as any program can
        raise _fails(error, name) from error
    if len(text) > LONGEST:
        raise TemplateRefuses(
            f"The chat template of {name} writes {len(text):,} letters around a question. Choose another model, or a "
            "version of it with another template."
        )
    return text


def _try_elsewhere(processor: Any, messages: Sequence[Any], name: str, answered: bool) -> None:
    template = getattr(processor, "chat_template", None)
    if isinstance(template, str):
        marks = getattr(getattr(processor, "tokenizer", None), "special_tokens_map", {})
        tokens = {key: value for key, value in marks.items() if isinstance(value, str | list)}
        values = {**tokens, "messages": list(messages), "add_generation_prompt": not answered}
        check_rendering(template, values, name)


def _fails(error: Exception, name: str) -> TemplateRefuses:
    return TemplateRefuses(
        f"The chat template of {name} fails on this conversation ({type(error).__name__}: {_plain(error)}). Choose "
        "another model, or a version of it with another template."
    )


def _plain(error: Exception) -> str:
    """What an error says, on one line and no longer than is read."""
    said = " ".join(str(error).split())
    return said[:300] + ("…" if len(said) > 300 else "")
