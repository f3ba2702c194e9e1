"""Which tokens must not come from typed words.

A network reads pictures wherever their token stands, whether the tokenizer calls it special, an ordinary added token,
or a word of its vocabulary like any other. So what counts is what configuration, processor and tokenizer name, and
what the chat template writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

PLACEHOLDERS = ("image_token_id", "video_token_id", "audio_token_id")
"""What configurations call the tokens in whose place pictures, frames and sounds are read."""

_OF_MEDIA = re.compile(r"image|img|video|audio|vision|visual|tile|patch|(^|_)(im|boi|eoi|boa|eoa)_")
_NAME = re.compile(r"_(token|tag)(_id)?$|_id$|_index$")

_RARE = "\N{CUNEIFORM SIGN A}"
"""A letter that no vocabulary has by itself."""


def placeholder_ids(config: Any) -> frozenset[int]:
    """The tokens in whose place a network reads pictures, frames and sounds."""
    configured = (getattr(config, name, None) for name in PLACEHOLDERS)
    return frozenset(token for token in configured if isinstance(token, int))


def control_ids(processor: Any, config: Any) -> frozenset[int]:
    """Every token that must not come from typed words: placeholders, whatever else stands around and among them,
    special tokens, and added ones that the template writes."""
    tokenizer, template = processor.tokenizer, str(processor.chat_template)
    added = tokenizer.added_tokens_decoder
    written = {token for token, what in added.items() if what.special or what.content in template}
    named = {*tokenizer.all_special_ids, *_named(tokenizer, vars(processor)), *_named(tokenizer, config.to_dict())}
    looks = {token for token in named if token in added or _looks_like_a_marker(tokenizer, token)}
    wider = {token for token in written | looks if _is_wider(tokenizer, token)}
    return placeholder_ids(config) | (wider - _unknown(tokenizer))


def _unknown(tokenizer: Any) -> set[int]:
    """The token that stands for characters that a vocabulary lacks, which anybody may type; none where it lacks
    none."""
    token = tokenizer.unk_token_id
    return {token} & set(tokenizer(_RARE, add_special_tokens=False)["input_ids"])


def _named(tokenizer: Any, attributes: Mapping[str, Any]) -> Iterator[int]:
    """The tokens of pictures and the like that some attributes name, by their text or by their id."""
    for name, value in attributes.items():
        if not _OF_MEDIA.search(name) or not _NAME.search(name) or isinstance(value, bool):
            continue
        if isinstance(value, int):
            yield value
            continue
        content = str(getattr(value, "content", value))
        token = tokenizer.convert_tokens_to_ids(content)
        if isinstance(token, int) and tokenizer.convert_ids_to_tokens(token) == content:
            yield token


def _looks_like_a_marker(tokenizer: Any, token: int) -> bool:
    """Whether a token of the ordinary vocabulary is written as no word is: a configuration whose defaults nobody has
    set names some word or other."""
    return bool(re.search(r"[<>\[\]{}|]", _written(tokenizer, token)))


def _is_wider(tokenizer: Any, token: int) -> bool:
    """Whether a token is more than one character, and not white space, which everybody types."""
    return len(_written(tokenizer, token).strip()) > 1


def _written(tokenizer: Any, token: int) -> str:
    if not 0 <= token < len(tokenizer):
        return ""
    return str(tokenizer.decode([token], skip_special_tokens=False))
