"""Every part patched at once, by gradient."""

from __future__ import annotations

from collections.abc import Sequence

from ...mechanisms import patch_effects as effects_module
from ...mechanisms.attribution_patching import AttributionPatching, remark_of, shapes_of
from ...mechanisms.patch_effects import PatchEffects, patch_effects
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import NATS, docs, sentences, took


class PatchedAtOnce(Renderer):
    """What restoring heads, MLPs and states is estimated to give back of a target."""

    key = "patch_effects"
    name = "Attribution patching"

    def figures(self, case: Case) -> Sequence[Figure]:
        effects: PatchEffects = case.result
        caption = sentences(
            f"Of {case.target_words}.", remark_of(effects), AttributionPatching.caveat, took(case.seconds)
        )
        settings = {"steps": effects.steps, "samples": len(effects.corrupted_logprob)}
        papers = docs(effects_module)
        return [
            shape_figure(case.answer, shape, caption, settings=settings, methods=papers)
            for shape in shapes_of(effects, case.answer)
        ]

    def code(self, case: Case, write: Writer) -> Code:
        effects: PatchEffects = case.result
        again = write.call(
            patch_effects, "model", "answer", write.literal(effects.target), "corruption", repr(effects.steps)
        )
        return Code((f"corruption = {write.literal(effects.corruption)}", f"result = {again}"), rounding=NATS)
