"""Why attention cannot tell the two models apart: where each layer looks, and what it brings from there into the word.

Attention says where information is fetched and not what is done with it. If a question about a door makes a model look
at the door whether or not its answer rests on it, then the share of attention on the truck's door is the same in both
models layer by layer; what the heads take from there into the prediction need not be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...answer import Answer, Explanation
from ...errors import OtherModel
from ...explainers.logprob_increase import LogprobIncrease
from ...explainers.raw_attention import RawAttention, RawAttentionSettings
from ...explainers.run import explain
from ...mechanisms.contributions import contributions
from ...mechanisms.logprob_increase import all_heads, source_increases
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import token_targets_of
from ..journal import Journal, Record, each_line
from ..plain import plain
from .figures import Line, Told, known_cause, read_line
from .measuring import WORD, Models, answers_of, on_door, problem_of
from .scenes import DoorScene, door_scenes
from .sides import PLACES, WHO

KIND = "known cause by layer"
ATTENTION, INCREASE = "attention", "increase"
MEASURES = (ATTENTION, INCREASE)


@dataclass(frozen=True)
class LayerRow:
    """One decoder layer: how far the mean attention of its heads at the position that predicts the answer's first word,
    and what its heads bring from each patch into that word (log-probability increase, summed), tell the two models
    apart. Both are shares of the layer's own map of the picture."""

    layer: int
    attention: Told
    increase: Told


@dataclass(frozen=True)
class ByLayer:
    """The layers from the first on. Of `scenes` that were asked about `used` could be used. `models` (fingerprints) and
    `model_names` are as in a known cause."""

    models: Mapping[str, str]
    model_names: Mapping[str, str]
    scenes: int
    used: int
    layers: tuple[LayerRow, ...]


def run_by_layer(
    looks: VisionLanguageModel,
    habit: VisionLanguageModel,
    out_file: Path,
    scenes: int,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> ByLayer:
    """Measure each layer of both models over held-out scenes, appending to `out_file`.

    Goes on with a file that the same models began. Stopped by `cancel`, tells of what is there. Raises JournalError
    (OtherRun for a file of other models), and OtherModel where the two are one or have not as many layers."""
    if looks.card.fingerprint == habit.card.fingerprint or looks.card.layers != habit.card.layers:
        raise OtherModel("Layer by layer two different models of the same layers are compared. Choose such two.")
    models: Models = {"looks": looks, "habit": habit}
    prints: dict[str, str] = {who: model.card.fingerprint for who, model in models.items()}
    names: dict[str, str] = {who: model.card.name for who, model in models.items()}
    with Journal(out_file, KIND, {"models": prints}, {"model_names": names}) as journal:
        lines = each_line(journal.records, read_line, out_file)
        finished = {line.case for line in lines if line.method is None}
        with suppress(Cancelled):
            for number, scene in enumerate(door_scenes(scenes), 1):
                for record in () if scene.id in finished else measure_layers(models, scene, cancel):
                    journal.append(record)
                    lines.append(read_line(record))
                progress(number / scenes)
        return by_layer(prints, names, lines, looks.card.layers)


def measure_layers(models: Models, scene: DoorScene, cancel: CancelToken | None) -> list[Record]:
    """The lines of one scene: one for each measure and layer, and last one that says that the scene is done, with the
    `problem` that keeps it from being used. Raises Cancelled."""
    said = answers_of(models, scene, cancel)
    problem = problem_of(said, scene)
    done: Record = {"case": scene.id, "method": None, "problem": problem}
    if problem is not None:
        return [done]
    maps = {key: layer_maps(models[key[0]], answer) for key, answer in said.items()}
    lines: list[Record] = []
    for measure in MEASURES:
        for layer in range(models["looks"].card.layers):
            masses = {
                who: {
                    place: {
                        "word": plain(
                            on_door(maps[who, place][measure][layer], said[who, place], scene.doors[place].pixels)
                        ),
                        "contrast": None,
                    }
                    for place in PLACES
                }
                for who in WHO
            }
            lines.append({"case": scene.id, "method": f"{measure} {layer}", "masses": masses})
    return [*lines, done]


def layer_maps(model: VisionLanguageModel, answer: Answer) -> dict[str, list[Explanation]]:
    """Maps of the answer's first word, by measure and layer: the mean attention of the heads, and the sum of their
    log-probability increases from each position, in nats."""
    attention = [
        explain(RawAttention(), model, answer, [WORD], RawAttentionSettings(layers=(layer,)))[0]
        for layer in range(model.card.layers)
    ]
    written = contributions(model, answer, token_targets_of(answer, WORD))
    heads = all_heads(written)
    increases = source_increases(model, written, heads)[0]
    increase = [
        Explanation(
            scores=increases[[number for number, head in enumerate(heads) if head[0] == layer]].sum(0),
            target=WORD,
            method=LogprobIncrease.key,
            settings={"layer": layer},
            seconds=0.0,
        )
        for layer in range(model.card.layers)
    ]
    return {ATTENTION: attention, INCREASE: increase}


def by_layer(models: Mapping[str, str], model_names: Mapping[str, str], lines: Sequence[Line], layers: int) -> ByLayer:
    """The figures of a journal's lines. A scene counts when it is done."""
    done = {line.case for line in lines if line.method is None}
    told = known_cause(models, model_names, [line for line in lines if line.method is not None and line.case in done])
    rows = {row.method: row for row in told.ranking}
    every = [
        LayerRow(layer, *(rows[f"{measure} {layer}"].word for measure in MEASURES))
        for layer in range(layers)
        if all(f"{measure} {layer}" in rows for measure in MEASURES)
    ]
    unusable = {line.case for line in lines if line.method is None and line.problem is not None}
    return ByLayer(models, model_names, len(done), len(done - unusable), tuple(every))


def by_layer_table(told: ByLayer) -> str:
    """Markdown: one row a layer, shares of attention and of increase on the truck's door in each model with the AUROC
    of each, and its 95 % interval."""
    names = [told.model_names[who] for who in WHO]
    header = ["layer"]
    for measure in MEASURES:
        header += [f"{measure}: {name}" for name in names] + [f"AUROC of {measure}"]
    lines = [_row(header), _row(["---:"] * len(header))]
    for row in told.layers:
        cells = [str(row.layer)]
        for one in (row.attention, row.increase):
            auroc = one.auroc
            cells += [f"{one.looks.value:.3f}", f"{one.habit.value:.3f}"]
            cells.append(f"{auroc.value:.2f} ({auroc.low:.2f} to {auroc.high:.2f})")
        lines.append(_row(cells))
    return "\n".join([*lines, "", f"{told.used:,} of {told.scenes:,} scenes could be used."])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
