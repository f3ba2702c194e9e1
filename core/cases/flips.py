"""How often the claims of causal graphs survive a test, over held-out street scenes.

Every head of every layer, or of each layer some drawn at random, gives a graph for the key word of a scene's answer.
Its explanation set is masked at search distance 1, 2 and 3, beside random sets and the most attended patches of the
same size: a *flip* is a token that changes. And single patches are masked: does a neighbour of the target move its
log-probability more than a non-neighbour of the same graph (*neighbour precision*, 0.5 by chance)? Heads of one scene
are no independent draws, so every figure is a mean over scenes, and its interval is of scenes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..answer import Answer
from ..causal.costs import flips_expected
from ..causal.discovery import causal_graphs
from ..causal.explanation_test import Masking
from ..causal.heads import sample_of_heads
from ..causal.masked_sets import MaskedSets
from ..causal.rates import Case, FlipRates, NeighbourPrecision, flip_rates, neighbour_precision
from ..causal.settings import GraphSettings
from ..comparison.keyword import key_tokens
from ..counted import counted
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..typed import typed
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast
from ..vlm.generation import ask
from ..vlm.model import ModelCard, VisionLanguageModel
from ..vlm.pass_costs import NOTHING
from .case import Case as StreetCase
from .journal import Journal, each_line
from .street import FAMILIES, street_cases

KIND = "flips"
RADII = (1, 2, 3)
SCENES = 30


@dataclass(frozen=True)
class SceneAtRadius:
    """The sets of one scene at a search distance, in sums and shares of them; see AtRadius."""

    radius: int
    sets: int
    empty: int
    everything: int
    tokens: int
    explanation: float
    random: float
    attention: float
    beyond_random: float

    @classmethod
    def of(cls, rates: FlipRates) -> SceneAtRadius:
        """What a table counts of flips."""
        return cls(
            radius=rates.radius,
            sets=len(rates.flips),
            empty=rates.empty,
            everything=rates.everything,
            tokens=sum(flip.size for flip in rates.flips),
            explanation=rates.explanation.share,
            random=rates.random.share,
            attention=rates.attention.share,
            beyond_random=_mean([flip.beyond_random for flip in rates.flips]),
        )


@dataclass(frozen=True)
class SceneFlips:
    """One scene: its graphs, their flips at each of `RADII`, and their neighbours. Without graphs where the model said
    nothing."""

    graphs: int
    flips: tuple[SceneAtRadius, ...] = ()
    neighbours: NeighbourPrecision | None = None


@dataclass(frozen=True)
class AtRadius:
    """The sets at one search distance. `sets` were masked, of `size` image tokens on average; `empty` hold no image
    token and `everything` nearly all of them, and neither is masked. Means over scenes: the share of sets that flip
    the token, and the change of its log-probability beyond that of random sets (nats, positive: further down)."""

    radius: int
    sets: int
    empty: int
    everything: int
    size: float
    explanation: Estimate
    random: Estimate
    attention: Estimate
    beyond_random: Estimate


@dataclass(frozen=True)
class FlipTable:
    """What `scenes` scenes with `graphs` graphs gave: of all heads, or of so many of each layer drawn at random
    (`of_a_layer`). `precision` is the mean over scenes of neighbour precision, over `pairs` of a neighbour and a
    non-neighbour in all; the effects are mean absolute changes (nats)."""

    scenes: int
    graphs: int
    masking: Masking
    radii: tuple[AtRadius, ...]
    precision: Estimate
    pairs: int
    neighbour_effect: Estimate
    other_effect: Estimate
    of_a_layer: int | None = None

    def lines(self) -> Iterator[str]:
        """The table as text."""
        measured = f"{counted(self.scenes, 'scene')}, {counted(self.graphs, 'graph')}"
        if self.of_a_layer is not None:
            measured += f", of each layer {counted(self.of_a_layer, 'head')} drawn at random"
        yield f"{measured}; {self.masking.sentence}. Means over scenes [95%]."
        yield f"{'distance':8} {'sets':>5} {'patches':>7}  {'explanation':20} {'random':20} {'top attention':20} nats"
        for row in self.radii:
            shares = " ".join(f"{_percent(one):20}" for one in (row.explanation, row.random, row.attention))
            yield f"{row.radius:8} {row.sets:5} {row.size:7.1f}  {shares} {_number(row.beyond_random)}"
        for row in self.radii:
            yield f"not masked at {row.radius}: {row.empty} without a patch, {row.everything} with nearly all"
        yield (
            f"neighbour precision {_number(self.precision)} over {self.pairs} pairs (chance 0.5); masking a neighbour "
            f"changes {_number(self.neighbour_effect)} nats, a non-neighbour {_number(self.other_effect)}"
        )


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f}% [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def journal_of(card: ModelCard) -> Path:
    """Where a model's finished scenes are kept unless somebody says otherwise."""
    return Path("checkpoints") / f"{KIND}-{card.fingerprint[:8]}.jsonl"


def flip_table(
    model: VisionLanguageModel,
    scenes: int = SCENES,
    settings: GraphSettings | None = None,
    masking: Masking | None = None,
    *,
    of_a_layer: int | None = None,
    file: Path | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> FlipTable:
    """The table over `scenes` held-out street scenes, one question family after the other; after a stop, over those
    that were finished. `of_a_layer`: in each scene only so many heads of each layer, drawn anew. Goes on with the
    journal `file` (None: in memory). Raises CausalError, JournalError, and Cancelled where no scene was finished.
    """
    settings, masking = settings or GraphSettings(), masking or Masking()
    about = {"settings": asdict(settings), "masking": asdict(masking), "of_a_layer": of_a_layer}
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
    cases = islice(street_cases(math.ceil(scenes / len(FAMILIES))), scenes)
    finished: list[SceneFlips] = []
    with _journal(file, model.card) as journal:
        records = journal.records if journal else []
        lines = each_line(records, lambda record: typed(_Line, record), file or Path())
        known = {(line.settings, line.number, line.scene): line.flips for line in lines}
        for number, case in enumerate(cases, start=1):
            scene = known.get((digest, number, case.id))
            if scene is None:
                try:
                    scene = _measured(model, case, number, settings, masking, of_a_layer, cancel)
                except Cancelled:
                    if not finished:
                        raise
                    break
                if journal:
                    line = _Line(settings=digest, number=number, scene=case.id, flips=scene)
                    journal.append(_without_nan(asdict(line)))
            finished.append(scene)
            progress(number / scenes)
    return summed([scene for scene in finished if scene.flips], masking, of_a_layer)


@dataclass(frozen=True)
class _Line:
    """A line of the journal. Which heads are drawn follows from the scene's number."""

    settings: str
    number: int
    scene: str
    flips: SceneFlips


def _journal(file: Path | None, card: ModelCard) -> AbstractContextManager[Journal | None]:
    about = {"model_name": card.name}
    return nullcontext() if file is None else Journal(file, KIND, {"model": card.fingerprint}, about)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN; all other numbers stay as they are, so that a run that went on concludes as one that did not."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {key: _without_nan(part) for key, part in value.items()}
    return [_without_nan(part) for part in value] if isinstance(value, list | tuple) else value


def _measured(
    model: VisionLanguageModel,
    case: StreetCase,
    number: int,
    settings: GraphSettings,
    masking: Masking,
    of_a_layer: int | None,
    cancel: CancelToken | None,
) -> SceneFlips:
    """What became of a scene. Raises CausalError and Cancelled."""
    answer = ask(model, case.asked(), cancel=cancel)
    if cancel is not None:
        cancel.check()
    if not answer.tokens:
        return SceneFlips(0)
    card = model.card
    heads = sample_of_heads(card.attention_layers, card.heads, of_a_layer or card.heads, seed=number)
    return _scene(model, answer, heads, settings, masking, cancel)


def expected(model: VisionLanguageModel, scenes: int, masking: Masking, *, of_a_layer: int | None = None) -> Forecast:
    """How long the table takes here, as the first of its scenes would: that one is asked for it."""
    answer = ask(model, next(iter(street_cases(1))).asked())
    heads = sample_of_heads(model.card.attention_layers, model.card.heads, of_a_layer or model.card.heads)
    told = flips_expected(model, answer, heads, masking, len(RADII))
    return Forecast(NOTHING, None if told.seconds is None else scenes * told.seconds, scenes, "scene")


def _scene(
    model: VisionLanguageModel,
    answer: Answer,
    heads: Mapping[int, Sequence[int]],
    settings: GraphSettings | None,
    masking: Masking,
    cancel: CancelToken | None,
) -> SceneFlips:
    token = key_tokens(answer)[0]
    graphs: list[Case] = [
        (answer, graph)
        for layer, some in heads.items()
        for graph in causal_graphs(model, answer, layer, [(token, head) for head in some], settings, cancel=cancel)
    ]
    known = MaskedSets(model, masking)
    rates = [flip_rates(model, graphs, radius, masking, known=known, cancel=cancel) for radius in RADII]
    flips = tuple(map(SceneAtRadius.of, rates))
    return SceneFlips(len(graphs), flips, neighbour_precision(model, graphs, masking, known=known, cancel=cancel))


def summed(scenes: Sequence[SceneFlips], masking: Masking, of_a_layer: int | None = None) -> FlipTable:
    """The table of some scenes, of all heads or of so many of each layer."""
    neighbours = [scene.neighbours for scene in scenes if scene.neighbours is not None]
    return FlipTable(
        scenes=len(scenes),
        graphs=sum(scene.graphs for scene in scenes),
        masking=masking,
        radii=tuple(_at(radius, [scene.flips[number] for scene in scenes]) for number, radius in enumerate(RADII)),
        precision=mean([one.precision for one in neighbours]),
        pairs=sum(one.pairs for one in neighbours),
        neighbour_effect=mean([one.neighbour_effect for one in neighbours], "nats"),
        other_effect=mean([one.other_effect for one in neighbours], "nats"),
        of_a_layer=of_a_layer,
    )


def _at(radius: int, by_scene: Sequence[SceneAtRadius]) -> AtRadius:
    sets = sum(scene.sets for scene in by_scene)
    return AtRadius(
        radius=radius,
        sets=sets,
        empty=sum(scene.empty for scene in by_scene),
        everything=sum(scene.everything for scene in by_scene),
        size=sum(scene.tokens for scene in by_scene) / sets if sets else math.nan,
        explanation=mean([scene.explanation for scene in by_scene]),
        random=mean([scene.random for scene in by_scene]),
        attention=mean([scene.attention for scene in by_scene]),
        beyond_random=mean([scene.beyond_random for scene in by_scene], "nats"),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
