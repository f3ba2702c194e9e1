"""The studies, in the order in which they are told."""

from __future__ import annotations

from typing import Any

from core.cases.studies.hallucinated_object import HallucinatedObject
from core.cases.studies.recoloured_shirt import RecolouredShirt
from core.cases.studies.search_distance import SearchDistance
from core.cases.studies.study import Study
from core.cases.studies.text_over_image import TextOverImage
from core.cases.studies.textual_visual import TextualVisual

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
