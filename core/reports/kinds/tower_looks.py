"""Where some patches look in the vision tower."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...attention.tower import image_positions, tower_looks, tower_read
from ...charts.heads import head_name
from ...mechanisms.results import PositionValues
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, head_in, sentences, took


class PatchesLook(Renderer):
    """Where patches of one picture look in the tower, or who looks at them."""

    key = "tower_looks"
    name = "Vision tower, patch by patch"

    def figures(self, case: Case) -> Sequence[Figure]:
        values = np.full(len(case.answer.layout), np.nan)
        values[list(image_positions(case.answer.layout, _image(case)))] = case.result
        head = case.about.get("head")
        who = head_name(None if head is None else head_in(head))
        patches, received = len(case.about.get("patches") or ()), case.about.get("received") is True
        some = f"{patches} patches" if patches > 1 else "a patch"
        title = f"Who looks at {some} in the vision tower" if received else f"Where {some} look{'s' * (patches < 2)}"
        shape = PositionValues(title, values, "attention", signed=False, testable=False)
        caption = sentences(
            f"Vision tower, {who}, before a word is read.",
            "Looks at places that became no image token are left out.",
            took(case.seconds),
        )
        return [shape_figure(case.answer, shape, caption, methods=docs(tower_looks))]

    def code(self, case: Case, write: Writer) -> Code:
        patches, head = case.wanted("patches"), case.wanted("head")
        if not patches or not all(isinstance(one, int) for one in patches):
            raise CannotBeWritten("It is not kept with the result of which patches it is.")
        given = (
            write.literal(_image(case)),
            write.literal(None if head is None else head_in(head)),
            write.literal(list(patches)),
            write.literal(case.about.get("received") is True),
        )
        read = write.call(tower_read, "model", "answer")
        return Code((f"tower = {read}", f"result = {write.call(tower_looks, 'tower', 'answer.layout', *given)}"))


def _image(case: Case) -> int:
    image = case.about.get("image", 0)
    return image if isinstance(image, int) else 0
