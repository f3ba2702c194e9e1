"""What does half precision do to a map? The embedded model's maps in bfloat16 and float16 beside those in float32.

One answer each of held-out street cases, given in float32; its first word is explained by the same method in each
precision, over the very same tokens. The rank correlation (Spearman) of the patches' scores and the share of the ten
highest patches that both maps have: median and lowest of all cases.
Run: `python -m benchmarks.precision`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from core.answer import Answer, Target
from core.cases.street import street_cases
from core.evidence.ranking import patch_scores, places
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.maps.agreement import agreement
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.spec import DType

METHODS = ("relevancy", "suffix_relevancy", "raw_attention", "rollout", "input_gradient")
HALF: tuple[DType, ...] = ("bfloat16", "float16")


def in_precision(model: VisionLanguageModel, answer: Answer) -> Answer:
    """An answer as one of a model that holds the same weights in another precision, with no rows recorded."""
    inputs = dict(model.prepare(answer.question).inputs)
    return replace(answer, model=model.card.fingerprint, inputs=inputs, attention=None)


def scores(model: VisionLanguageModel, answer: Answer, method: str) -> np.ndarray:
    """The patches' scores of one map."""
    (explanation,) = explain(explainers()[method], model, in_precision(model, answer), [Target((0,))])
    return patch_scores(explanation, places(answer.layout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=4, help="of each family of questions")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=sorted(explainers()))
    options = parser.parse_args()
    models = {dtype: load_model(replace(EMBEDDED, dtype=dtype, device="cpu")) for dtype in ("float32", *HALF)}
    answers = [ask(models["float32"], case.asked()) for case in street_cases(options.cases)]
    print(f"{len(answers)} answers of the embedded model; rank correlation and shared top ten with float32")
    print(f"{'method':20}{'precision':12}{'rank: median':>14}{'lowest':>9}{'top ten: median':>18}{'lowest':>9}")
    for method in options.methods:
        right = [scores(models["float32"], answer, method) for answer in answers]
        for dtype in HALF:
            pairs = [
                agreement(scores(models[dtype], answer, method), own)
                for answer, own in zip(answers, right, strict=True)
            ]
            ranks, tops = (np.array([getattr(pair, name) for pair in pairs]) for name in ("rank", "overlap"))
            figures = f"{np.nanmedian(ranks):14.3f}{np.nanmin(ranks):9.3f}{np.median(tops):18.2f}{tops.min():9.2f}"
            print(f"{method:20}{dtype:12}{figures}", flush=True)


if __name__ == "__main__":
    main()
