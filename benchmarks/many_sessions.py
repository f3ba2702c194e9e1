"""How long does an answer take while others use the same model? One session tests maps without a pause, others ask.

In one run on the embedded model: answers with nobody else there, then answers of several sessions, each of which thinks
for a while between two questions, beside work that takes long and gives way to them (`core.vlm.turns`). What is told is
the time from question to whole answer, as a multiple of that with nobody else there, and how far the long work came.
Run: `OMP_NUM_THREADS=1 python -m benchmarks.many_sessions`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time

from core.answer import Question, Target
from core.cases.street import street_cases
from core.evidence.evaluate import evaluate
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.cancel import Cancelled, CancelToken, between_steps
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.turns import Turn


def answered(model: VisionLanguageModel, question: Question) -> float:
    """Seconds from the question to its whole answer."""
    began = time.monotonic()
    with model.lock.taken(Turn("answering", whole=True), _never):
        ask(model, question)
    return time.monotonic() - began


def long_work(model: VisionLanguageModel, question: Question, cancel: CancelToken, done: list[float]) -> None:
    """Tests of maps, one after the other, until it is stopped. Notes down when each was done."""
    try:
        with model.lock.taken(Turn("testing maps"), _never), between_steps(lambda: model.lock.give_way(_never)):
            answer = ask(model, question)
            while True:
                tested = explain(explainers()["random"], model, answer, [Target((0,))])
                evaluate(model, answer, tested, cancel=cancel)
                done.append(time.monotonic())
    except Cancelled:
        return


def _never() -> None:
    """Nobody stops whoever waits."""


def sessions(
    model: VisionLanguageModel, questions: list[Question], count: int, think: float, seconds: float
) -> tuple[list[float], int]:
    """The seconds of every answer that so many sessions got in this time, and how many maps were tested meanwhile."""
    cancel, taken, done, until = CancelToken(), [], [], time.monotonic() + seconds

    def asking(number: int) -> None:
        dice = random.Random(number)
        while True:
            time.sleep(dice.expovariate(1 / think))
            if time.monotonic() > until:
                return
            taken.append(answered(model, dice.choice(questions)))

    long = threading.Thread(target=long_work, args=(model, questions[0], cancel, done))
    long.start()
    others = [threading.Thread(target=asking, args=(number,)) for number in range(count)]
    for thread in others:
        thread.start()
    threading.Timer(seconds, cancel.cancel).start()
    for thread in (*others, long):
        thread.join()
    return taken, len(done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=7, help="how many ask")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each part")
    parser.add_argument("--think", type=float, default=5.0, help="seconds that a session thinks, on average")
    options = parser.parse_args()
    model = load_model(EMBEDDED)
    cases = list(street_cases(2))
    questions = [Question(case.question, case.images[0]) for case in cases]
    for question in questions:
        ask(model, question)
    # Drawn as the sessions draw them: a question about the picture of the one before would be answered sooner.
    dice = random.Random(0)
    waits = [answered(model, dice.choice(questions)) for _ in range(100)]
    alone = statistics.median(waits)
    print(f"alone: {alone:.3f} s an answer (median of {len(waits)})")
    _, tests = sessions(model, questions, 0, options.think, options.seconds)
    print(f"nobody asks: {tests} maps tested")
    taken, beside = sessions(model, questions, options.sessions, options.think, options.seconds)
    taken.sort()
    median, late = statistics.median(taken), taken[int(0.9 * len(taken))]
    print(
        f"{options.sessions} ask, thinking {options.think:.0f} s: {len(taken)} answers, median {median:.3f} s "
        f"({median / alone:.1f} x), nine in ten within {late:.2f} s ({late / alone:.1f} x); {beside} maps tested"
    )


if __name__ == "__main__":
    main()
