"""The studies, in the order in which they are told."""

from __future__ import annotations

from typing import Any

from .hallucinated_object import HallucinatedObject
from .recoloured_shirt import RecolouredShirt
from .search_distance import SearchDistance
from .study import Study
from .text_over_image import TextOverImage
from .textual_visual import TextualVisual

_ORDER: tuple[Study[Any, Any], ...] = (
    TextOverImage(),
    RecolouredShirt(),
    SearchDistance(),
    TextualVisual(),
    HallucinatedObject(),
)


def studies() -> dict[str, Study[Any, Any]]:
    """Every study by its key."""
    return {study.key: study for study in _ORDER}
