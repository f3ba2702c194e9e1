"""What is computed about an answer and kept with it: every kind by its name, with the type that its files are read as.

A result of a new type needs a line here, or `RunKind(name, hint)` where it is made; its files then are what `codec`
makes of the hint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..answer import Explanation
from ..attention.sink_origin import SinkOrigin
from ..attention.sinks import Sinks
from ..attention.tower import TowerFigures
from ..cases.adapter import Side
from ..cases.audit import Audit
from ..causal.discovery import CausalGraph
from ..causal.explanation_test import ExplanationTest
from ..causal.heads import HeadsTest
from ..causal.reasking import ReaskedWithout
from ..circuits.circuit import Circuit
from ..circuits.path_patching import PatchedEdges
from ..doubt.measure import Measured
from ..evidence.modality_result import ModalityEvidence
from ..evidence.randomisation import Randomised
from ..evidence.result import Evidence
from ..mechanisms.ablation import AblationCurves
from ..mechanisms.attribution import Attribution
from ..mechanisms.knockout import CutCurve, KnockoutCurves
from ..mechanisms.lens import Reading
from ..mechanisms.patch_agreement import Agreement
from ..mechanisms.patch_effects import PatchEffects
from ..mechanisms.run import Measurement
from ..mechanisms.tracing import Trace
from ..mechanisms.vocabulary import HeadReading
from ..perturb.prediction import Outcome
from ..perturb.reask import Reasked
from ..remedies.base import Remedied
from .codec.form import Form
from .codec.hints import check_keepable, form_of

Result = TypeVar("Result")
_NAME = re.compile(r"[a-z][a-z_]{0,39}")


@dataclass(frozen=True, eq=False)
class RunKind(Generic[Result]):
    """A kind of results: its `name` (lower case and underscores), which files carry, and the type of one as a hint.

    Raises ValueError for another name, TypeError for a type whose values cannot be kept.
    """

    name: str
    hint: Any

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot be the name of a kind of results")
        check_keepable(self.hint)

    @property
    def form(self) -> Form:
        """How results of this kind are written and read."""
        return form_of(self.hint)


EXPLANATION = RunKind[Explanation]("explanation", Explanation)
EVIDENCE = RunKind[Evidence]("evidence", Evidence)
MODALITIES = RunKind[ModalityEvidence]("modalities", ModalityEvidence)
"""The test of a map over words, patches and both."""
RANDOMISED = RunKind[Randomised]("randomised", Randomised)
IMAGE_DEPENDENCE = RunKind[np.ndarray]("image_dependence", Float[np.ndarray, "answer"])
DOUBT = RunKind[Measured]("doubt", Measured)
"""Signals of the answer's content words, in their order."""
FRAME_CHANGES = RunKind[tuple[float, ...]]("frame_changes", tuple[float, ...])
"""What hiding each frame of a video changes of the target's log-probability (nats)."""
RELEVANCY_TRACE = RunKind[np.ndarray]("relevancy_trace", Float[np.ndarray, "layer position"])
GRAPH = RunKind[CausalGraph]("graph", CausalGraph)
EXPLANATION_TEST = RunKind[ExplanationTest]("explanation_test", ExplanationTest)
HEADS_TEST = RunKind[HeadsTest]("heads_test", HeadsTest)
HEADS_SAMPLE = RunKind[HeadsTest]("heads_sample", HeadsTest)
"""Of some heads of a layer."""
REASKED = RunKind[Reasked]("reasked", Reasked)
OUTCOMES = RunKind[tuple[Outcome, ...]]("outcomes", tuple[Outcome, ...])
AUDIT = RunKind[Audit]("audit", Audit)
MEASUREMENT = RunKind[Measurement]("measurement", Measurement)
READING = RunKind[Reading]("reading", Reading)
"""Of states, by the logit lens."""
ATTRIBUTION = RunKind[Attribution]("attribution", Attribution)
HEAD_READING = RunKind[HeadReading]("head_reading", HeadReading)
HEAD_INCREASES = RunKind[np.ndarray]("head_increases", Float[np.ndarray, "layers heads"])
"""Each head's log-probability increase (nats)."""
SOURCE_INCREASES = RunKind[Tensor]("source_increases", Float[Tensor, "position"])
"""What one head takes from every position (nats)."""
ABLATION = RunKind[AblationCurves]("ablation", AblationCurves)
KNOCKOUT = RunKind[KnockoutCurves]("knockout", KnockoutCurves)
CUT_CURVE = RunKind[CutCurve]("cut_curve", CutCurve)
"""Of one cut, named among what it is of."""
TRACE = RunKind[Trace]("trace", Trace)
PATCH_EFFECTS = RunKind[PatchEffects]("patch_effects", PatchEffects)
PATCH_AGREEMENT = RunKind[Agreement]("patch_agreement", Agreement)
CIRCUIT = RunKind[Circuit]("circuit", Circuit)
PATCHED_EDGES = RunKind[PatchedEdges]("patched_edges", PatchedEdges)
SINKS = RunKind[Sinks]("sinks", Sinks)
SINK_ORIGINS = RunKind[tuple[SinkOrigin, ...]]("sink_origins", tuple[SinkOrigin, ...])
TOWER = RunKind[TowerFigures | None]("tower", TowerFigures | None)
"""None where it is not known which of the tower's places became image tokens."""
TOWER_LOOKS = RunKind[np.ndarray]("tower_looks", Float[np.ndarray, "place"])
"""Where some patches look in the tower, or who looks at them."""
SIDES = RunKind[tuple[Side, Side]]("sides", tuple[Side, Side])
"""What a model says with its adapter and without. They are of the question, whatever model answered it."""
REMEDIED = RunKind[Remedied]("remedied", Remedied)
REASKED_WITHOUT = RunKind[ReaskedWithout]("reasked_without", ReaskedWithout)
ATTENTION_ROWS = RunKind[Tensor]("attention_rows", Float[Tensor, "layers heads query position"])
"""Of the question's words, or of an answer that was given without keeping them."""

KINDS: dict[str, RunKind[Any]] = {kind.name: kind for kind in list(globals().values()) if isinstance(kind, RunKind)}
"""Those above, by name."""
