"""By which way a word was reached: how much it depends on the picture at all, and what cutting attention does to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from ...answer import Answer, Target
from ...evidence.dependence import image_dependence
from ...mechanisms.groups import groups
from ...mechanisms.knockout import Cut, knockout_curves
from ...statistics.bootstrap import mean
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import token_targets_of
from ..figures import Figure, Measurement, column

WINDOW = 2
CUTS = (("last", "image"), ("last", "question"), ("question", "image"))
EDGES = tuple(f"{source} to {reader}" for reader, source in CUTS)


def paths(model: VisionLanguageModel, answer: Answer, target: Target, cancel: CancelToken | None) -> Measurement:
    """Image dependence of a target (nats), and its change of log-probability under each cut: in all layers, and in
    windows of `WINDOW` layers by their first one, None where there is no attention to cut. Raises Cancelled, and what
    `knockout_curves` raises."""
    named = {group.name: group for group in groups(answer, token_targets_of(answer, target))}
    cuts = [Cut(named[reader], named[source]) for reader, source in CUTS]
    changes = {}
    for name, window in (("all", model.card.layers), ("windows", min(WINDOW, model.card.layers))):
        change = knockout_curves(model, answer, target, cuts, window, cancel=cancel).change
        cut = [[None if np.isnan(of) else float(of) for of in row] for row in change]
        changes[name] = dict(zip(EDGES, cut, strict=True))
    if cancel is not None:
        cancel.check()
    return {"dependence": float(image_dependence(model, answer)[list(target.tokens)].sum()), **changes}


def path_figures(measurements: Sequence[Measurement], of: str, *, control: bool) -> Iterator[Figure]:
    """The means of paths that stand under `of` in some measurements."""
    dependence = mean(column(measurements, of, "dependence"), "nats")
    yield Figure("image dependence", of, dependence, control=control)
    for edge in EDGES:
        what = f"change of log p, attention cut: {edge}"
        yield Figure(f"{what}, in all layers", of, mean(_in_all(measurements, of, edge), "nats"), control=control)
        windows = column(measurements, of, "windows", edge)
        for start in range(windows.shape[1] if len(windows) else 0):
            if np.isnan(windows[:, start]).all():
                continue
            change = mean(windows[:, start], "nats")
            yield Figure(f"{what}, from layer", of, change, float(start), "first layer of the window", control)


def told_paths(measurements: Sequence[Measurement], of: str) -> str:
    """The same in a sentence."""
    cuts = ", ".join(f"{edge} {mean(_in_all(measurements, of, edge)).value:+z.2f}" for edge in EDGES)
    dependence = mean(column(measurements, of, "dependence")).value
    return f"Of {of}: image dependence {dependence:+.2f} nats; change when attention is cut in all layers: {cuts}."


def _in_all(measurements: Sequence[Measurement], of: str, edge: str) -> Float[np.ndarray, "case"]:
    return column(measurements, of, "all", edge).reshape(-1)
