"""The same question asked again with something taken away."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from PIL import Image

from ...answer import Answer, RegionMask, Target
from ...charts.overlays import fit, region_overlay
from ...charts.tokens import aligned_chart, aligned_tokens, visible
from ...masking import covered_patches
from ...mechanisms.results import Row
from ...perturb import reask as module
from ...perturb.reask import Reasked, reask_under
from ...quantities import change_in_nats
from ..base import Renderer
from ..case import Case, named
from ..code import Code, Writer
from ..drawing import Chart, Pixels
from ..figure import Figure
from ._shared import NATS, docs, sentences, took

WIDTH, SIDE = 620, 420


class Again(Renderer):
    """Both answers token under token, and what was hidden."""

    key = "reasked"
    name = "Asked again"

    def figures(self, case: Case) -> Sequence[Figure]:
        reasked: Reasked = case.result
        words = reasked.outcome.perturbation.words
        changes = np.asarray(reasked.outcome.changes, dtype=float)
        original, other = ([token.label for token in one.tokens] for one in (reasked.original, reasked.answer))
        rows: list[Row] = [
            {"token": number, "text": text, "change": float(change)}
            for number, (text, change) in enumerate(zip(original, changes, strict=False), 1)
        ]
        chart = None
        if original and len(original) == len(changes):
            chart = Chart(partial(aligned_chart, aligned_tokens(original, other, changes.tolist()), WIDTH))
        said = (
            f"With {words} the model says “{visible(reasked.answer.text)}”. Below each token of the original answer: "
            "the change of its log-probability (nats), read with the words before it forced."
        )
        numbers = {"changes": changes, "said": np.array(reasked.answer.token_ids, dtype=np.int64)}
        contrast = _contrast(reasked)
        if contrast is not None and reasked.contrast is not None:
            numbers["contrast"] = np.array(reasked.contrast.change)
            change = change_in_nats(reasked.contrast.change)
            said += f" The log-odds of {named(reasked.original, contrast)} change by {change}."
        figures = [
            Figure(
                f"Asked again: {words}",
                sentences(said, took(reasked.seconds)),
                numbers,
                chart,
                rows,
                methods=docs(module),
            )
        ]
        masks = reasked.answer.question.masks[len(reasked.original.question.masks) :]
        for image in sorted({mask.image for mask in masks}):
            own = [mask for mask in masks if mask.image == image]
            hidden = np.logical_or.reduce([mask.hidden for mask in own])
            picture = f"picture {image + 1}" if len(reasked.original.question.images) > 1 else "the picture"
            figures.append(
                Figure(
                    f"What was hidden of {picture}",
                    f"{hidden.mean():.1%} of its pixels; the patches that are covered are outlined.",
                    {"hidden": hidden},
                    Pixels(partial(_overlay, reasked.original, own[0], hidden)),
                )
            )
        return figures

    def code(self, case: Case, write: Writer) -> Code:
        reasked: Reasked = case.result
        lines = [f"perturbation = {write.literal(reasked.outcome.perturbation)}"]
        given, contrast = {}, _contrast(reasked)
        if contrast is not None:
            lines.append(f"target = {write.literal(contrast)}")
            given["target"] = "target"
        again = write.call(reask_under, "model", "answer", "perturbation", **given)
        return Code((*lines, f"result = {again}"), rounding=NATS)


def _contrast(reasked: Reasked) -> Target | None:
    """The target with rivals of which it was read what becomes; None where none was."""
    asked = () if reasked.contrast is None else reasked.contrast.before.token_targets
    rivals = tuple(one.rival for one in asked if one.rival is not None)
    return Target(tuple(one.index for one in asked), rivals) if asked and len(rivals) == len(asked) else None


def _overlay(answer: Answer, mask: RegionMask, hidden: np.ndarray) -> Image.Image:
    image = answer.question.images[mask.image]
    boxes = [answer.layout.box(position) for position in covered_patches(hidden, answer.layout, mask.image)]
    return region_overlay(image, hidden, [box for box in boxes if box is not None], fit(image.size, SIDE))
