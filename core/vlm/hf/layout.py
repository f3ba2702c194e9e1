"""Which position is what: the tokens of a prompt, told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...answer import TokenKind, TokenLayout
from .families.base import Family, ImageSize
from .prompt import Prompt


def lay_out(
    prompt: Prompt,
    family: Family,
    config: Any,
    processor: Any,
    inputs: Mapping[str, Tensor],
    sizes: Sequence[ImageSize],
) -> TokenLayout:
    """The layout of a prompt over images of the given original sizes.

    An image token is one with the configuration's id; `mm_token_type_ids` would also mark row and tile tags.
    """
    kinds = tuple(
        TokenKind.IMAGE if token == config.image_token_id else TokenKind.TEXT if typed else TokenKind.SPECIAL
        for token, typed in zip(prompt.ids, prompt.typed, strict=True)
    )
    places = [position for position, kind in enumerate(kinds) if kind is TokenKind.IMAGE]
    views = family.views(config, processor, inputs, sizes, places)
    return TokenLayout(kinds=kinds, views=views, image_sizes=tuple(sizes))
