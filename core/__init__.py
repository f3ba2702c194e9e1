"""Sightline: what an answer of a vision-language model rests on, and the tests that say so.

    import sightline

    model = sightline.load_model()
    answer = sightline.ask(model, "What color is the house?", "street.png")
    explanation = sightline.explain(model, answer, "relevancy", "orange")
    print(sightline.badge(sightline.evaluate(model, answer, explanation)))

Each name below is imported when it is first used: importing Sightline alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .answer import Answer, Decoding, Explanation, Question, RegionMask, Target, Turn
    from .api.asking import ask, load_model, load_video, measure_grid
    from .api.explaining import evaluate, evaluate_modalities, explain
    from .api.frames import frame_shares, hide_frames
    from .api.showing import figures, overlay, street_scene
    from .cases.formats.registry import formats
    from .circuits.circuit import Circuit, find_circuit
    from .claims.registry import claims as published_claims
    from .clips import Video
    from .errors import SightlineError
    from .evidence.badge import badge
    from .evidence.registry import metrics
    from .evidence.result import Evidence
    from .explainers.registry import explainers as methods
    from .mechanisms.registry import mechanisms as lenses
    from .perturb.reask import Reasked, reask
    from .remedies.run import try_remedies
    from .vlm.keeping import KeepRows
    from .vlm.loading import EMBEDDED, ModelSpec

__all__ = [
    "EMBEDDED",
    "Answer",
    "Circuit",
    "Decoding",
    "Evidence",
    "Explanation",
    "KeepRows",
    "ModelSpec",
    "Question",
    "Reasked",
    "RegionMask",
    "SightlineError",
    "Target",
    "Turn",
    "Video",
    "__version__",
    "ask",
    "badge",
    "evaluate",
    "evaluate_modalities",
    "explain",
    "figures",
    "find_circuit",
    "formats",
    "frame_shares",
    "hide_frames",
    "lenses",
    "load_model",
    "load_video",
    "measure_grid",
    "methods",
    "metrics",
    "overlay",
    "published_claims",
    "reask",
    "street_scene",
    "try_remedies",
]

_PLACES = {
    "load_model": ".api.asking",
    "load_video": ".api.asking",
    "ask": ".api.asking",
    "measure_grid": ".api.asking",
    "reask": ".perturb.reask",
    "try_remedies": ".remedies.run",
    "explain": ".api.explaining",
    "evaluate": ".api.explaining",
    "evaluate_modalities": ".api.explaining",
    "badge": ".evidence.badge",
    "find_circuit": ".circuits.circuit",
    "Circuit": ".circuits.circuit",
    "frame_shares": ".api.frames",
    "hide_frames": ".api.frames",
    "figures": ".api.showing",
    "overlay": ".api.showing",
    "street_scene": ".api.showing",
    "Question": ".answer",
    "Decoding": ".answer",
    "RegionMask": ".answer",
    "Turn": ".answer",
    "Answer": ".answer",
    "Target": ".answer",
    "Explanation": ".answer",
    "Video": ".clips",
    "Evidence": ".evidence.result",
    "Reasked": ".perturb.reask",
    "KeepRows": ".vlm.keeping",
    "ModelSpec": ".vlm.loading",
    "EMBEDDED": ".vlm.loading",
    "SightlineError": ".errors",
    # What there is, by key. (A registry cannot be called as its package is: `sightline.explainers` is a package.)
    "methods": ".explainers.registry:explainers",
    "lenses": ".mechanisms.registry:mechanisms",
    "published_claims": ".claims.registry:claims",
    "metrics": ".evidence.registry",
    "formats": ".cases.formats.registry",
}
"""Where each name comes from; after a colon what it is called there, where that is something else."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own = _PLACES[name].partition(":")
    value = getattr(import_module(module, __name__), own or name)
    globals()[name] = value  # the next use asks nobody
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
