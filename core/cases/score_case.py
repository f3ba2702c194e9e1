"""One case of the league: the model is asked, every method explains the answer's key word, every map is tested.

What comes out are the lines of the league's journal, one for each method. Only an answer that is right is scored: a map
of a wrong one may well point elsewhere than the truth.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answer import Answer, Decoding, Explanation, Target
from ..comparison.keyword import key_tokens
from ..errors import ExplainError
from ..evidence.dependence import image_dependence
from ..evidence.evaluate import evaluate
from ..evidence.evenness import evenness
from ..evidence.metric import Figure
from ..evidence.randomisation import randomise
from ..evidence.result import Evidence, Result
from ..evidence.settings import EvidenceSettings
from ..explainers.controls import CentreBias, Random
from ..explainers.integrated_gradients import IntegratedGradients, IntegratedGradientsSettings
from ..explainers.registry import explainers
from ..explainers.run import explain
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.generation import ask
from ..vlm.memory import give_back_freed
from ..vlm.model import VisionLanguageModel
from .case import Case
from .journal import Record
from .plain import plain
from .scoring import is_right, understood

STEPS = 16
INTEGRATED = IntegratedGradients.key
METHOD_SETTINGS: Mapping[str, Any] = {INTEGRATED: IntegratedGradientsSettings(steps=STEPS)}
"""What a league asks of methods otherwise than their defaults, so that the lines of a journal stay comparable."""

SETTINGS = EvidenceSettings(fill="both", steps=20, draws=2, deciding=0)
"""Both fills, 21 points, those of ERASER among them: every picture that is read serves four metrics."""
RANDOM, CENTRE = Random.key, CentreBias.key
"""The controls' names in a league. The random one is the mean over several orders of each case, not the explainer."""
STAGES = 3
"""How many looks are taken at a map while the weights are shuffled."""
LONGEST_ANSWER = 24


def name_of(method: str) -> str:
    """What a method is called in a league; with what it was asked for where that is not its default."""
    name = explainers()[method].name if method in explainers() else method
    return f"{name} ({STEPS} steps)" if method == INTEGRATED else name


def score_case(
    model: VisionLanguageModel,
    case: Case,
    methods: Sequence[str],
    shuffle: bool,
    cancel: CancelToken | None,
    decided: Mapping[str, bool] | None = None,
) -> list[Record]:
    """The lines of one case, in plain values: one for each control, one for each method (with its figures, or the
    `problem` that kept it from explaining); or a single one with method None where the answer is wrong.

    `shuffle`: maps are made again under shuffled weights as well. `decided`: which answers somebody said are right, by
    their words. Raises Cancelled, and nothing is half done.
    """
    answer = ask(model, replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST_ANSWER)), cancel=cancel)
    if cancel is not None:
        cancel.check()
    about: Record = {"case": case.id, "family": case.about["family"], "said": answer.text}
    right = (decided or {}).get(answer.text)
    if not (is_right(case, answer.text) if right is None else right):
        return [{**about, "method": None, "understood": bool(understood(case, answer.text))}]
    target = Target(key_tokens(answer))
    timed, refused = _explain(model, answer, target, methods, cancel)
    about["recording"] = plain(recording := recording_cost(model, answer, cancel))
    explanations = [explanation for explanation, _ in timed]
    evidence = evaluate(model, answer, explanations, truth=case.truth, settings=SETTINGS, cancel=cancel)
    if any(one.complete < 1 for one in evidence):
        raise Cancelled("the league was stopped")
    stages = _shuffled(model, answer, explanations, cancel) if shuffle and explanations else {}
    began = time.process_time(), time.perf_counter()
    about["dependence"] = plain(float(image_dependence(model, answer)[list(target.tokens)].sum()))
    # It reads one other picture: a whole pass of the model over as much.
    about["pass"] = plain([time.process_time() - began[0], time.perf_counter() - began[1]])
    lines: list[Record] = []
    if evidence:
        controls = {CENTRE: evidence[0].centre.figures, RANDOM: _means(evidence[0].random)}
        lines += [{**about, "method": key, "figures": _figures(figures)} for key, figures in controls.items()]
    lines += [
        {
            **about,
            **_line(explanation, of_map, processor, recording),
            "evenness": plain(evenness(explanation, answer)),
            "stages": stages.get(explanation.method),
        }
        for (explanation, processor), of_map in zip(timed, evidence, strict=True)
    ]
    return [*lines, *({**about, "method": key, "problem": reason} for key, reason in refused.items())]


def _explain(
    model: VisionLanguageModel, answer: Answer, target: Target, methods: Sequence[str], cancel: CancelToken | None
) -> tuple[list[tuple[Explanation, float]], dict[str, str]]:
    """One explanation by each method, at its default settings but for `METHOD_SETTINGS`, with its processor time; and
    why some have none."""
    timed: list[tuple[Explanation, float]] = []
    refused: dict[str, str] = {}
    for key in methods:
        # Or what the method before it freed would be used again, and seem to cost nothing.
        give_back_freed()
        began = time.process_time()
        try:
            (explanation,) = explain(
                explainers()[key], model, answer, [target], METHOD_SETTINGS.get(key), cancel=cancel
            )
        except ExplainError as error:
            refused[key] = str(error)
            continue
        if explanation.complete < 1:
            raise Cancelled("the league was stopped")
        timed.append((explanation, time.process_time() - began))
    return timed, refused


def _shuffled(
    model: VisionLanguageModel, answer: Answer, explanations: Sequence[Explanation], cancel: CancelToken | None
) -> dict[str, list[tuple[str, float | None]]]:
    """Each method's rank correlations as the weights are shuffled, with the block that was shuffled last."""
    under_shuffling = randomise(model, answer, explanations, stages=STAGES, cancel=cancel)
    if any(randomised.complete < 1 for randomised in under_shuffling):
        raise Cancelled("the league was stopped")
    return {
        randomised.method: [(stage.block, plain(stage.correlation)) for stage in randomised.stages]
        for randomised in under_shuffling
    }


def recording_cost(model: VisionLanguageModel, answer: Answer, cancel: CancelToken | None) -> float:
    """Processor seconds that recording attention rows adds to an answer: it is asked once more with and once without,
    of pictures that are read already both times. Below zero by chance, so it is worth reading over cases. Raises
    Cancelled."""
    seconds = []
    for keep in (False, True):
        began = time.process_time()
        ask(model, answer.question, keep_attention=keep, cancel=cancel)
        seconds.append(time.process_time() - began)
    if cancel is not None:
        cancel.check()
    return seconds[1] - seconds[0]


def _line(explanation: Explanation, evidence: Evidence, processor: float, recording: float) -> Record:
    """Of a method that reads recorded rows, recording them is part of what it takes."""
    recorded = explainers()[explanation.method].recorded
    return {
        "method": explanation.method,
        "settings": dict(explanation.settings),
        "seconds": plain(explanation.seconds),
        "processor": plain(processor + recording if recorded else processor),
        "bytes": explanation.peak_bytes,
        "full": plain(evidence.full),
        "blank": {fill: plain(value) for fill, value in evidence.blank.items()},
        "figures": _figures(evidence.tested.figures),
    }


def _figures(figures: Mapping[str, Figure]) -> Record:
    return {
        key: {"value": plain(figure.value), **{name: plain(value) for name, value in figure.details.items()}}
        for key, figure in figures.items()
    }


def _means(results: Sequence[Result]) -> dict[str, Figure]:
    """The mean over several results, of each figure and each of its details."""
    first = results[0].figures
    return {
        key: Figure(
            float(np.mean([result.figures[key].value for result in results])),
            {
                name: float(np.mean([result.figures[key].details[name] for result in results]))
                for name in first[key].details
            },
        )
        for key in first
    }
