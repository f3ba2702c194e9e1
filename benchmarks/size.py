"""What does each method cost at the size people use? In multiples of one warm forward pass of the same length, T_f.

The models are random and narrow, with as many layers, heads and positions as real ones (`_geometries.py`). T_f is the
network's own pass over question and answer, with the vision tower's output at hand. Each method runs in a fresh process
of its own: one pass, then the method, whose memory is what was in use at most beyond before; then passes and the method
take turns, and medians of processor time count. What follows a slash is asked once more of the same answer, as another
layer or head of it is on a page. The floor of relevancy is one pass, tower included, and one gradient with respect to
the pixels for each target. What reads pictures again is also given in passes from their pixels on. Integrated gradients
are also given as a share of what their steps would take one by one: for each a pass from the decoder's embeddings,
whose graph is kept whole, and a gradient with respect to these for each target.
Run: `OMP_NUM_THREADS=1 python -m benchmarks.size --geometry llava next --method lens rows`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks._geometries import GEOMETRIES, TARGETS, asked, loaded, save
from core.answer import Answer, Target, TokenKind
from core.causal.discovery import causal_graph, layer_graphs
from core.causal.explanation_test import Masking
from core.causal.heads import SAMPLE_OF_A_LAYER, heads_tests, sample_of_heads
from core.causal.settings import GraphSettings
from core.evidence.evaluate import evaluate
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.causal_tracing import CausalTracing
from core.mechanisms.contributions import contributions
from core.mechanisms.lens import lens
from core.mechanisms.logprob_increase import head_increases
from core.mechanisms.run import measure
from core.vlm.hf.network import TransformersModel
from core.vlm.memory import give_back_freed, peak_memory
from core.vlm.targets import token_targets_of, whole_answer

LAST = Target((TARGETS - 1,))


@dataclass(frozen=True)
class Subject:
    """What a method is run on."""

    model: TransformersModel
    answer: Answer
    features: Any

    def forward(self) -> Tensor:
        """The network's own pass over question and answer, with the tower's output at hand."""
        inputs = _whole(self)
        inputs.pop("pixel_values", None)
        return self._pass(**inputs, mm_encoder_outputs=dict(self.features))

    def from_pixels(self) -> Tensor:
        """The same from the picture's pixels on, through the tower, as one over another picture has to be."""
        inputs = _whole(self)
        return self._pass(**{**inputs, "pixel_values": inputs["pixel_values"].to(self.model.network.dtype)})

    def _pass(self, **inputs: Any) -> Tensor:
        with torch.no_grad():
            output = self.model.network(**inputs, use_cache=False, logits_to_keep=torch.arange(-TARGETS, 0))
        logits: Tensor = output.logits
        return logits

    @property
    def layer(self) -> int:
        """The layer that is looked at first; another stands above it."""
        return min(5, self.model.card.layers - 2)

    @property
    def after_images(self) -> int:
        """How many rows stand after the picture."""
        return len(self.answer.layout) - 1 - max(self.answer.layout.positions(TokenKind.IMAGE)) - 1


def _whole(subject: Subject) -> dict[str, Tensor]:
    """The inputs of a whole replay."""
    answer = subject.answer
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids[:-1]])], 1)
    inputs = {**answer.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    for name in [name for name in inputs if name.endswith("token_type_ids")]:
        more = torch.zeros(1, len(answer.token_ids) - 1, dtype=inputs[name].dtype)
        inputs[name] = torch.cat([inputs[name], more], 1)
    return inputs


def floor(subject: Subject, targets: int) -> None:
    """One pass of the whole network and a gradient with respect to the pixels for each of the last targets."""
    network = subject.model.network
    inputs = _whole(subject)
    pixels = inputs["pixel_values"].to(network.dtype).requires_grad_()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    kept = torch.arange(-TARGETS, 0)
    logits = network(**{**inputs, "pixel_values": pixels}, use_cache=False, logits_to_keep=kept).logits[0]
    for index in range(TARGETS - targets, TARGETS):
        token = subject.answer.token_ids[index]
        torch.autograd.grad(logits[index, token], pixels, retain_graph=index < TARGETS - 1)


def step_of_gradients(subject: Subject, targets: int) -> None:
    """One pass from embeddings and a gradient with respect to them for each of the last targets."""
    network = subject.model.network
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    embeddings = network.get_input_embeddings()(_whole(subject)["input_ids"]).requires_grad_()
    kept = torch.arange(-TARGETS, 0)
    logits = network(inputs_embeds=embeddings, use_cache=False, logits_to_keep=kept).logits[0]
    for index in range(TARGETS - targets, TARGETS):
        token = subject.answer.token_ids[index]
        torch.autograd.grad(logits[index, token], embeddings, retain_graph=index < TARGETS - 1)


def explained(key: str, target: Callable[[Answer], Target] = lambda answer: LAST) -> Callable[[Subject], None]:
    """A method's map of one target."""

    def run(subject: Subject) -> None:
        explain(explainers()[key], subject.model, subject.answer, [target(subject.answer)])

    return run


def rows_of_a_layer(subject: Subject) -> None:
    """The attention rows of one layer at 64 positions."""
    length = len(subject.answer.layout) - 1
    subject.model.attention_rows(subject.answer, range(length - 64, length), [subject.layer])


def increases_of_heads(subject: Subject) -> None:
    written = contributions(subject.model, subject.answer, token_targets_of(subject.answer, LAST))
    head_increases(subject.model, written)


def lens_of(subject: Subject, layers: list[int] | None) -> None:
    lens(subject.model, subject.answer, range(len(subject.answer.layout) - 1), layers)


def graph_of_a_head(subject: Subject, head: int = 0) -> None:
    causal_graph(subject.model, subject.answer, TARGETS - 1, subject.layer, head)


def graphs_of_a_layer(subject: Subject) -> None:
    layer_graphs(subject.model, subject.answer, TARGETS - 1, subject.layer)


def graphs_with_masking(subject: Subject, each: int | None = None) -> None:
    """Of all heads, or of `each` of every layer."""
    card = subject.model.card
    wanted = sample_of_heads(card.attention_layers, card.heads, each or card.heads)
    for _ in heads_tests(subject.model, subject.answer, TARGETS - 1, wanted, GraphSettings(), 2, Masking()):
        pass


def traced(subject: Subject) -> None:
    measure(CausalTracing(), subject.model, subject.answer, LAST)


def tested(subject: Subject) -> None:
    """Evidence of a map that costs next to nothing."""
    evaluate(
        subject.model,
        subject.answer,
        explain(explainers()["random"], subject.model, subject.answer, [LAST]),
    )


def per_set(share: float) -> Callable[[Subject], float]:
    """So many passes over the rows after the picture for each place hidden."""

    def passes(subject: Subject) -> float:
        layout = subject.answer.layout
        places = len(layout.positions(TokenKind.IMAGE)) + len(layout.question())
        return share * places * subject.after_images / (len(layout) - 1)

    return passes


def per_region(subject: Subject) -> float:
    """A pass for each square of 2 x 2 patches."""
    return sum(-(-view.rows // 2) * -(-view.columns // 2) for view in subject.answer.layout.views)


@dataclass(frozen=True)
class Method:
    """A row of the table. `target` is in T_f, or in floors where `floor` says of how many targets; `again` is run after
    the method, on the same answer. `steps`: of how many targets the steps are that it is also compared with.
    `pictures`: it reads pictures again, so that it is also given in passes with the tower. `long`: run only where it is
    named."""

    run: Callable[[Subject], None]
    target: float | Callable[[Subject], float]
    again: Callable[[Subject], None] | None = None
    again_target: float | None = None
    floor: int = 0
    steps: int = 0
    pictures: bool = False
    long: bool = False


METHODS = {
    "rows": Method(rows_of_a_layer, 1.2),
    "relevancy": Method(explained("relevancy"), 1.25, floor=1),
    "relevancy12": Method(explained("relevancy", whole_answer), 1.25, floor=TARGETS),
    "suffix": Method(explained("suffix_relevancy"), 1.0),
    "suffix12": Method(explained("suffix_relevancy", whole_answer), 3.0),
    "one-step": Method(explained("one_step_gradient"), 10.0, long=True),
    "one-step12": Method(explained("one_step_gradient", whole_answer), 60.0, long=True),
    "gradients": Method(explained("integrated_gradients"), 10.0, steps=1, long=True),
    "gradients12": Method(explained("integrated_gradients", whole_answer), 60.0, steps=TARGETS, long=True),
    "rollout": Method(explained("rollout"), 2.5),
    "hide-tokens": Method(explained("occlusion_tokens"), per_set(1.5), long=True),
    "hide-pixels": Method(explained("occlusion_pixels"), per_region, pictures=True, long=True),
    "increase": Method(increases_of_heads, 1.5),
    "lens": Method(
        lambda subject: lens_of(subject, [subject.layer]),
        1.3,
        again=lambda subject: lens_of(subject, [subject.layer + 1]),
        again_target=0.3,
    ),
    "lens-all": Method(lambda subject: lens_of(subject, None), 2.5),
    "causal": Method(graph_of_a_head, 1.2, again=lambda subject: graph_of_a_head(subject, 1), again_target=0.1),
    "causal-layer": Method(graphs_of_a_layer, 1.5),
    "causal-all": Method(graphs_with_masking, 200.0, long=True),
    "causal-sample": Method(lambda subject: graphs_with_masking(subject, SAMPLE_OF_A_LAYER), 200.0, long=True),
    "trace": Method(traced, 120.0, long=True),
    "evidence": Method(tested, 210.0, pictures=True, long=True),
}


def processor_seconds(work: Callable[..., object], *given: object) -> float:
    began = time.process_time()
    work(*given)
    return time.process_time() - began


@contextmanager
def models(geometries: list[str]) -> Iterator[Path]:
    """Random models of these geometries in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name in geometries:
            save(name, Path(folder))
        yield Path(folder)


def measured(folder: Path, geometry: str, method: Method, dtype: Any, rounds: int) -> dict[str, float]:
    """In this process: multiples of T_f (of the floor, where the method has one), bytes, and the targets of both."""
    model = loaded(folder / geometry, dtype)
    assert isinstance(model, TransformersModel)
    answer = asked(model, geometry)
    prepared = model.prepare(answer.question)
    subject = Subject(model, answer, model._prefill.visual_features(prepared))
    # The first pass through anything is slow.
    subject.forward()
    give_back_freed()
    with peak_memory(model.device) as peak:
        first = processor_seconds(method.run, subject)
    once, twice = [first], []
    passes, floors, steps, from_pixels = [processor_seconds(subject.forward)], [], [], []
    for turn in range(rounds):
        if method.again is not None:
            twice.append(processor_seconds(method.again, subject))
        passes.append(processor_seconds(subject.forward))
        if method.floor:
            floors.append(processor_seconds(floor, subject, method.floor))
        if method.pictures:
            from_pixels.append(processor_seconds(subject.from_pixels))
        if method.steps:
            steps.append(processor_seconds(step_of_gradients, subject, method.steps))
        if turn < rounds - 1:
            # Another answer with the same words, of which nothing is at hand but what the model keeps of its pictures.
            subject = Subject(model, asked(model, geometry), subject.features)
            once.append(processor_seconds(method.run, subject))
    unit = statistics.median(floors or passes)
    states = 3 * (model.card.layers + 1) * (len(answer.layout) - 1) * model.card.hidden * model.card.number_bytes
    figures = {
        "unit": unit,
        "pass": statistics.median(passes),
        "once": statistics.median(once) / unit,
        "target": method.target(subject) if callable(method.target) else method.target,
        "bytes": float(peak() or 0),
        "bytes_target": float(max(256 * 10**6, states)),
    }
    if steps:
        figures["steps"] = IntegratedGradientsSettings().steps * statistics.median(steps) / unit
    if from_pixels:
        figures["from_pixels"] = statistics.median(once) / statistics.median(from_pixels)
    if twice:
        figures |= {"again": statistics.median(twice) / unit, "again_target": method.again_target or 0.0}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--geometry", nargs="+", choices=tuple(GEOMETRIES), default=list(GEOMETRIES))
    parser.add_argument("--method", nargs="+", choices=tuple(METHODS), help="all but those that take long")
    parser.add_argument("--dtype", choices=("bfloat16", "float32", "float16"), default="bfloat16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", type=Path, help="measure one method in this process, its model in this folder")
    options = parser.parse_args()
    chosen = options.method or [name for name, method in METHODS.items() if not method.long]
    if options.one:
        (geometry,), (name,) = options.geometry, chosen
        print(json.dumps(measured(options.one, geometry, METHODS[name], options.dtype, options.rounds)))
        return
    with models(options.geometry) as folder:
        for geometry in options.geometry:
            print(f"{geometry}, {GEOMETRIES[geometry].positions} positions, {options.dtype}", flush=True)
            for name in chosen:
                command = [sys.executable, "-m", "benchmarks.size", "--one", str(folder), "--geometry", geometry]
                command += ["--method", name, "--dtype", options.dtype, "--rounds", str(options.rounds)]
                done = subprocess.run(command, capture_output=True, text=True)
                last = done.stdout.splitlines()[-1:] if done.returncode == 0 else []
                print(report(name, json.loads(last[0])) if last else f"{name:13s} failed: {done.stderr[-400:]}")


def report(name: str, figures: dict[str, float]) -> str:
    """A row of the table."""
    unit = "floors" if METHODS[name].floor else "T_f"
    row = f"{name:13s} {figures['once']:8.2f} {unit:6s} (target {figures['target']:.4g})"
    if "again" in figures:
        row += f" / {figures['again']:.2f} (target {figures['again_target']:.4g})"
    row += f"   {figures['bytes'] / 1e6:7.0f} MB (target {figures['bytes_target'] / 1e6:.0f})"
    if "steps" in figures:
        row += f"   {figures['once'] / figures['steps']:.2f} of its steps one by one ({figures['steps']:.1f} T_f)"
    if "from_pixels" in figures:
        row += f"   {figures['from_pixels']:.1f} passes from the pixels on"
    return f"{row}   T_f {figures['pass']:.2f} cpu-s"


if __name__ == "__main__":
    main()
