"""What a push does to questions that it is not about: answers that change, and whether they are still right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ...answer import Decoding
from ...probes.steering import shift
from ...statistics.proportion import share
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ..knowing.run import LONGEST
from ..scoring import is_right
from ..street import street_cases
from .figures import WHOLE, Side

EACH = 20
"""Cases of each other family."""


def side_effects(
    model: VisionLanguageModel,
    families: Sequence[str],
    layer: int,
    directions: Float[np.ndarray, "direction hidden"],
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> list[Side]:
    """Ask drawn cases of other families as they are, and with a whole dose of the first direction, and of the second
    (a random one), where the answer's first word is predicted. Raises Cancelled."""
    sides = []
    for number, family in enumerate(families):
        changed: list[tuple[bool, bool]] = []
        right: list[tuple[bool, bool]] = []
        for done, case in enumerate(street_cases(EACH, [family]), 1):
            question = replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST))
            plain = ask(model, question, cancel=cancel, keep_attention=False)
            position = len(plain.prompt_tokens) - 1
            said = []
            for direction in directions[:2]:
                with model.edited(shift(layer, (position,), WHOLE * direction)):
                    said.append(ask(model, question, cancel=cancel, keep_attention=False).text)
            if cancel is not None:
                cancel.check()
            changed.append((said[0] != plain.text, said[1] != plain.text))
            right.append((is_right(case, plain.text), is_right(case, said[0])))
            progress((number + done / EACH) / len(families))
        own, random = zip(*changed, strict=True)
        before, after = zip(*right, strict=True)
        sides.append(Side(family, len(changed), share(own), share(random), share(before), share(after)))
    return sides
