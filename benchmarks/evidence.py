"""What do the tests of all maps of one answer cost? Every variant read once in batches, against one by one.

Both test one map of each explainer on one held-out street case: deletion and insertion under two fills at the league's
points, with its controls. `literal` prepares and replays each variant of each map by itself, as one does who tests a
method on its own; `gather` is what the page and the league call. In one run, with equal results; the ratio of processor
times is what counts, because a machine that also does other work disturbs the clock.
Run: `python -m benchmarks.evidence`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from core.answer import Answer, Explanation, Fill, RegionMask, Target
from core.cases.score_case import SETTINGS
from core.cases.street import street_cases
from core.comparison.keyword import key_tokens
from core.evidence.evaluate import evaluate
from core.evidence.ranking import falling, generator, patch_scores, places, tops
from core.evidence.result import Evidence
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.masking import pixels_of
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, ModelSpec, load_model
from core.vlm.model import VisionLanguageModel


def literal(model: VisionLanguageModel, answer: Answer, maps: Sequence[Explanation]) -> list[np.ndarray]:
    """The values of every curve of every map and of as many controls, one replay each."""
    positions = places(answer.layout)
    scores = [patch_scores(explanation, positions) for explanation in maps]
    rng = generator(answer, 1)
    scores += [rng.random(len(positions)) for _ in range(SETTINGS.draws + 1)]
    gathered = []
    for row in scores:
        order = [positions[index] for index in falling(row, generator(answer, SETTINGS.seed))]
        for fill in SETTINGS.fills:
            for inserted in (False, True):
                counts = tops(len(positions), SETTINGS.steps)
                gathered.append(
                    np.array([one(model, answer, maps[0], fill, inserted, order[:count]) for count in counts])
                )
    return gathered


def one(
    model: VisionLanguageModel, answer: Answer, explained: Explanation, fill: Fill, inserted: bool, top: Sequence[int]
) -> float:
    """The target's probability under one variant."""
    named = pixels_of(frozenset(top), answer.layout)
    masked = answer.question.with_masks(RegionMask(~named if inserted else named, fill))
    logits = model.replay_logits(replace(answer, inputs=model.prepare(masked).inputs))
    rows, tokens = logits.log_softmax(-1), list(explained.target.tokens)
    return float(rows[tokens, [answer.token_ids[index] for index in tokens]].sum().exp())


def values(evidence: Sequence[Evidence]) -> list[np.ndarray]:
    return [curve.values for evidence_of in evidence for curve in evidence_of.tested.curves]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", default=EMBEDDED.source, help="a model folder or hub id")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    model = load_model(ModelSpec(options.model))
    case = next(street_cases(1))
    answer = ask(model, case.asked())
    target = Target(key_tokens(answer))
    began = time.process_time()
    maps = [explain(explainer, model, answer, [target])[0] for explainer in explainers().values()]
    print(f"{len(maps)} maps take {time.process_time() - began:.2f} cpu-s themselves")
    taken: dict[str, list[float]] = {"literal": [], "gather": []}
    for _ in range(options.rounds):
        began = time.process_time()
        slow = literal(model, answer, maps)
        taken["literal"].append(time.process_time() - began)
        began = time.process_time()
        quick = values(evaluate(model, answer, maps, truth=case.truth, settings=SETTINGS))
        taken["gather"].append(time.process_time() - began)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(quick, slow, strict=False))
    median = {name: statistics.median(times) for name, times in taken.items()}
    for name, seconds in median.items():
        print(f"{name:8s} {seconds:6.2f} cpu-s, {len(slow)} curves of {len(slow[0])} points")
    print(f"literal/gather {median['literal'] / median['gather']:.2f}, {torch.get_num_threads()} threads")
    print(f"largest difference of a probability {difference:.1e}")


if __name__ == "__main__":
    main()
