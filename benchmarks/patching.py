"""Is patching all at once as cheap as it says, and how far is it from restoring in earnest?

Held-out scenes with a truck and a house whose doors are open, asked about the house's door; the corrupted run has the
door closed. Told are the processor time of all estimates as a multiple of a forward pass (a replay of the same answer),
and Spearman's correlation with restoring every head, MLP and group of tokens at each layer one by one, the mean over
scenes with its 95 % interval: of the log-probability of “Yes”, which is nearly 1 and saturates, and of its log-odds
against “No”; with the gradient of the corrupted run alone (0 steps), at the middle (1), and at five places (EAP-IG).

Target: at most 8 forward passes at the default setting.
Run: `OMP_NUM_THREADS=1 python -m benchmarks.patching`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import islice

import numpy as np

from core.answer import Target
from core.cases.door_circuits import door_question, door_scenes, yes_or_no_target
from core.mechanisms.patch_agreement import KINDS, NAMES, patch_agreement
from core.mechanisms.patch_effects import patch_effects
from core.perturb.perturbation import OtherImages
from core.statistics.bootstrap import mean
from core.street.draw import draw
from core.street.recipe import SetDoor
from core.vlm.loading import EMBEDDED, load_model

STEPS = (0, 1, 5)
TARGET = 8.0


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least processor time of some."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scenes", type=int, default=8)
    scenes = parser.parse_args().scenes
    model = load_model(EMBEDDED)
    correlations: dict[tuple[str, int, str], list[float]] = {}
    costs: dict[int, list[float]] = {steps: [] for steps in STEPS}
    for number, recipe in enumerate(islice(door_scenes(), scenes)):
        answer = door_question(model, recipe, "house", None)
        closed = OtherImages((draw(recipe.changed(SetDoor("house", "closed")).scene()).image,))
        against = yes_or_no_target(model, answer)
        targets = {"log-probability": Target((0,)), "log-odds against no": against}
        if number < 3:
            # (what is kept of a pass would make the next one free)
            until = answer.until(1)

            def replay(until: object = until) -> object:
                model.forget()
                return model.replay_logits(until)  # type: ignore[arg-type]

            once = seconds(replay)
            for steps in STEPS:

                def patch(steps: int = steps) -> object:
                    model.forget()
                    return patch_effects(model, answer, against, closed, steps)  # noqa: B023

                costs[steps].append(seconds(patch) / once)
        for named, target in targets.items():
            for steps in STEPS:
                agreement = patch_agreement(model, answer, patch_effects(model, answer, target, closed, steps))
                for kind in KINDS:
                    found = agreement.correlation(kind).value
                    correlations.setdefault((named, steps, kind), []).append(found)
    for steps in STEPS:
        met = "" if steps else f"  (target {TARGET:.0f})"
        print(f"{steps} steps: {np.median(costs[steps]):.1f} forward passes{met}")
    for (named, steps, kind), values in correlations.items():
        found_mean = mean(np.array(values))
        interval = f"[{found_mean.low:.2f}, {found_mean.high:.2f}]"
        print(f"{named}, {steps} steps, {NAMES[kind]}: {found_mean.value:.2f} {interval} over {len(values)} scenes")


if __name__ == "__main__":
    main()
