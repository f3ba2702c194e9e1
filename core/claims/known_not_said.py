"""Known and not said: the truck's door can be read off the states at its image tokens, and off none that answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..answer import Decoding, Target
from ..cases.knowing.labels import Labelled, drawn
from ..cases.scoring import is_right
from ..cases.street import recipe_of
from ..errors import NotApplicable
from ..probes.fitting import LEAST_EACH, folds_of, told
from ..probes.states import LAST, PLACES, THING, mean_states, places_of
from ..statistics.bootstrap import mean
from ..statistics.estimate import nothing
from ..statistics.proportion import share
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import token_targets_of
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Measurement, beside, column, flags
from .verdict import exceeds, positive

DOOR = "truck door"
MOST = 10**6
LONGEST = 24


class KnownNotSaid(Claim[Labelled]):
    """Linear probes of the truck's door, at its image tokens and where the answer is predicted, beside the answers."""

    key = "known_not_said"
    name = "Known, and not said"
    says = (
        "The model knows whether the truck's door is open and does not say it: the door's state can be read off the "
        "states at its image tokens, more often than the answers are right, and cannot where the answer is predicted."
    )
    paper = (
        "Probes after Alain and Bengio 2017, Understanding Intermediate Layers Using Linear Classifier Probes; the "
        "statement about the truck is made here"
    )
    link = "https://arxiv.org/abs/1610.01644"
    measured = (
        "“Is the truck's door open?” or closed, in several wordings: the mean state of the door's image tokens going "
        "into the middle layer, and the state that leaves the last layer where the first word is predicted. A logistic "
        "regression reads the door off each, in five parts, told on pictures that it was not fitted to."
    )
    control = "The same probe where the answer is predicted, and the model's own answers to the same questions."
    rule = (
        "Reproduces where the probe at the door is right more often than the model's answers, the paired difference "
        "above zero, and more often than the probe where the answer is predicted, the control: the 95 % intervals must "
        f"lie apart. Fewer than {LEAST_EACH} pictures of either state decide nothing."
    )
    caveat = (
        "That a line can read a state does not say that the network does: `sightline steer` tests that. One layer of "
        "each place is taken, chosen beforehand; `sightline probes` has all of them, with shuffled labels and a "
        "control task."
    )
    planted = (
        "Planted on purpose: in 98 of 100 training questions about a truck's door the wording named the state that the "
        "picture shows, so that nothing had to be looked at."
    )
    settings: ClassVar[Mapping[str, Any]] = {"label": DOOR, "longest": LONGEST}
    order = 17
    scenes = 120
    beside_twin = True

    def subjects(self) -> Iterator[tuple[str, Labelled]]:
        return ((one.case.id, one) for one in drawn(DOOR, DOOR, MOST))

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[Labelled]:
        def measured(one: Labelled, cancel: CancelToken | None) -> Sample:
            question = replace(one.case.asked(), decoding=Decoding(max_new_tokens=LONGEST))
            answer = ask(model, question, cancel=cancel)
            if cancel is not None:
                cancel.check()
            example = Example(f"the door is {one.label}", answer, Target((0,)), recipe_of(one.case))
            if not answer.tokens:
                return Sample(None, (example,))
            first = token_targets_of(answer, Target((0,)))
            states = mean_states(model, answer, first, places_of(answer, first, one.shows), cancel=cancel)
            at_door, at_answer = states[model.card.layers // 2, PLACES.index(THING)], states[-1, PLACES.index(LAST)]
            if np.isnan(at_door).any():
                return Sample(None, (example,))
            values = {
                "open": one.label == "open",
                "right": is_right(one.case, answer.text),
                "at_door": [float(f"{number:.6g}") for number in at_door],
                "at_answer": [float(f"{number:.6g}") for number in at_answer],
            }
            return Sample(values, (example,))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        right, labels = np.array(flags(measurements, "right")), np.array(flags(measurements, "open")).astype(int)
        conditions = ("at the door more is right than of the answers", "at the door more is right than at the answer")
        try:
            folds = folds_of(labels, np.arange(len(labels)))
        except NotApplicable as error:
            unknown = {"at the door's image tokens": nothing(0)}
            controls = {"where the answer is predicted": nothing(0), "by the answers": share(map(bool, right))}
            return Conclusion(
                dict.fromkeys(conditions, "undecided"),
                str(error),
                beside("the door is told rightly", unknown, controls),
            )
        door, place = (
            told(column(measurements, name), labels[None], folds)[0] == labels for name in ("at_door", "at_answer")
        )
        at_door, at_answer, answers = share(map(bool, door)), share(map(bool, place)), share(map(bool, right))
        over = mean(door.astype(float) - right.astype(float))
        return Conclusion(
            {conditions[0]: positive(over), conditions[1]: exceeds(at_door, at_answer)},
            f"A line tells the door rightly at its image tokens in {at_door.words} scenes, where the answer is "
            f"predicted in {at_answer.words}, and the model's answers are right in {answers.words}.",
            beside(
                "the door is told rightly",
                {"at the door's image tokens": at_door},
                {"where the answer is predicted": at_answer, "by the answers": answers},
            ),
        )
