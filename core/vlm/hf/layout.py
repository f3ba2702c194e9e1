"""Which position is what: the tokens of a prompt, told apart."""

from __future__ import annotations

from collections.abc import Collection

from ...answer import TokenKind, TokenLayout
from .families._rasters import Misfit
from .families.base import Family
from .families.context import PromptContext
from .prompt import Prompt
from .resized import with_sizes

RESAMPLED = (
    "{} resamples the picture: each image token is a mixture of all that its vision tower saw, so that none has a "
    "place in it and there is no grid"
)

MISFIT = (
    "The grid that is declared for {} does not fit what its processor made of this picture: it takes {}, so that none "
    "of them has a place that is known and there is no grid"
)

LACKING = (
    "The grid that is declared for {} is told by {}, which this model's processor does not give, so that no image "
    "token has a place that is known and there is no grid"
)

ACROSS = "{} reads the picture through layers of cross-attention: its patches are no tokens of the sequence"


def image_positions(prompt: Prompt, ids: Collection[int]) -> tuple[int, ...]:
    """The positions of image tokens, which are known by their ids: `mm_token_type_ids` would also mark the tags of rows
    and tiles."""
    return tuple(position for position, token in enumerate(prompt.ids) if token in ids)


def lay_out(prompt: Prompt, family: Family, context: PromptContext) -> TokenLayout:
    """The layout of a prompt over images, both as in `context`."""
    images = frozenset(context.image_positions)
    kinds = tuple(
        TokenKind.IMAGE if position in images else TokenKind.TEXT if typed else TokenKind.SPECIAL
        for position, typed in enumerate(prompt.typed)
    )
    why = RESAMPLED if family.resamples else ACROSS if family.across else ""
    unplaced = why.format(family.name) if context.image_sizes else ""
    try:
        views = with_sizes(family.views(context), context)
    except Misfit as error:
        views, unplaced = (), MISFIT.format(family.name, error)
    except KeyError as error:
        views, unplaced = (), LACKING.format(family.name, error.args[0])
    return TokenLayout(kinds, views, tuple(context.image_sizes), unplaced, measurable=not why)
