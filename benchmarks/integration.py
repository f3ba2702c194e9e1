"""How many steps do integrated gradients need? Each number of steps against 96, on held-out street cases.

Prints medians and the worst over the cases: how far the map is off (sum of absolute differences over the sum of
absolute scores), its rank correlation with the map of 96 steps, and processor seconds.
Run: `python -m benchmarks.integration`.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from scipy.stats import spearmanr

from core.answer import Target
from core.cases.street import street_cases
from core.comparison.keyword import key_tokens
from core.explainers.integrated_gradients import IntegratedGradients, IntegratedGradientsSettings
from core.explainers.run import explain
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, ModelSpec, load_model

STEPS = (8, 16, 32)
MANY = 96


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", default=EMBEDDED.source, help="a model folder or hub id")
    parser.add_argument("--cases", type=int, default=1, help="of each family")
    options = parser.parse_args()
    model = load_model(ModelSpec(options.model))
    runs: dict[int, list[tuple[float, float, float]]] = {steps: [] for steps in STEPS}
    for case in street_cases(options.cases):
        answer = ask(model, case.asked())
        target = Target(key_tokens(answer))

        def of(steps: int) -> tuple[np.ndarray, float]:
            began = time.process_time()
            settings = IntegratedGradientsSettings(steps=steps)
            (explanation,) = explain(IntegratedGradients(), model, answer, [target], settings)  # noqa: B023
            return np.asarray(explanation.scores, np.float64), time.process_time() - began

        truth, _ = of(MANY)
        for steps in STEPS:
            scores, seconds = of(steps)
            off = float(np.abs(scores - truth).sum() / np.abs(truth).sum())
            runs[steps].append((off, float(spearmanr(scores, truth).statistic), seconds))
    for steps, rows in runs.items():
        off, rank, seconds = ([row[column] for row in rows] for column in range(3))
        print(
            f"{steps:3d} steps: off by {statistics.median(off):.2%} (worst {max(off):.2%}), rank correlation "
            f"{statistics.median(rank):.4f} (worst {min(rank):.4f}), {statistics.median(seconds):.2f} cpu-s"
        )


if __name__ == "__main__":
    main()
