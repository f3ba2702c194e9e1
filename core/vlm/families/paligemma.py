"""PaliGemma: a prompt that sees all of itself, and an answer that sees what stands before it."""

from __future__ import annotations

from core.vlm.families.base import Family

FAMILY = Family(
    name="paligemma",
    model_types=("paligemma",),
    # Type 0 is the prefix, whose positions see each other both ways: it would see an answer of that type.
    answer_type=1,
)
