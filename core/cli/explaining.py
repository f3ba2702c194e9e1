"""What is to be explained of an answer, by which methods, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ..answer import Answer, Explanation, Target
from ..cases.kept_heads import kept_heads
from ..comparison.keyword import key_tokens, word_tokens
from ..counted import counted
from ..errors import ExplainError, NotApplicable, WrongOption
from ..evidence.badge import badge
from ..evidence.beside import figures_beside
from ..evidence.registry import map_metrics
from ..evidence.result import Evidence
from ..evidence.verdict import verdicts
from ..explainers.base import Explainer
from ..explainers.grounding_heads import GroundingHeads
from ..explainers.registry import explainers
from ..explainers.run import expected, explain
from ..maps.files import record
from ..maps.grid import grid_note
from ..maps.shares import parts, shares
from ..mechanisms.base import Mechanism
from ..runs.place import data_folder
from ..settings import Control, checked, controls
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import rival_ids, whole_answer
from .console import bar, say, say_forecast, stoppable
from .frames import frame_figures

DEFAULT = "relevancy"


def with_grid(model: VisionLanguageModel, answer: Answer) -> Answer:
    """The answer with its image tokens' places, measured where the family declares none; said on the screen. As it is
    where they cannot be told: methods that need them say so. Raises Cancelled."""
    if not answer.layout.views and answer.question.images:
        try:
            with stoppable() as cancel, bar("measuring the grid") as progress:
                answer = model.measure_grid(answer, cancel=cancel, progress=progress)
        except NotApplicable as error:
            say(str(error))
    if note := grid_note(answer.layout):
        say(note)
    return answer


def target_of(
    model: VisionLanguageModel,
    answer: Answer,
    word: str | None,
    tokens: Sequence[int] | None,
    entire: bool,
    rival: str | None,
) -> Target:
    """The part of an answer that options name. Raises WrongOption, and NotApplicable for an empty answer."""
    target = whole_answer(answer)
    if sum(map(bool, (word, tokens, entire))) > 1:
        raise WrongOption("Give one of --word, --token and --whole.")
    if tokens:
        if max(tokens) > len(answer.tokens):
            raise WrongOption(f"The answer “{answer.text}” has {counted(len(answer.tokens), 'token')}.")
        target = Target(tuple(sorted({number - 1 for number in tokens})))
    elif not entire:
        chosen = key_tokens(answer) if word is None else word_tokens(answer, word)
        if not chosen:
            raise WrongOption(f"The answer “{answer.text}” has no word “{word}”.")
        target = Target(chosen)
    return target if rival is None else _against(model, answer, target, rival)


def _against(model: VisionLanguageModel, answer: Answer, target: Target, rival: str) -> Target:
    """The contrast of a target's first token with the first of `rival`, as the pages make it."""
    first = target.tokens[0]
    ids = rival_ids(model, answer, first, rival.strip())
    if not ids or ids[0] == answer.tokens[first].id:
        raise WrongOption(f"“{rival}” begins with no other token than was said. Choose another word.")
    return Target((first,), (ids[0],))


def methods_of(names: Sequence[str] | None) -> list[Explainer]:
    """The methods that options name, one by default. Raises WrongOption."""
    known = explainers()
    for name in names or ():
        if name not in known:
            raise WrongOption(f"There is no method {name!r}. The methods are {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names or (DEFAULT,))]


def settings_of(model: VisionLanguageModel, method: Explainer | Mechanism, given: Sequence[str] | None) -> Any:
    """A method's or a mechanism's settings with those that options change. Raises WrongOption and SettingsError."""
    known = {control.name: control for control in controls(method.Settings)}
    changed: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise WrongOption(
                f"{method.name} has no setting {name!r}. It has {', '.join(known) or 'none'}; write NAME=VALUE."
            )
        changed[name] = _value(known[name], value)
    if method.key == GroundingHeads.key and "chosen" not in changed:
        found = kept_heads(data_folder(), model.card.fingerprint)
        changed["chosen"] = "" if found is None else found.grounding
    return checked(method.Settings(**changed), model.card.layers, model.card.heads)


def _value(control: Control, text: str) -> Any:
    try:
        match control.kind:
            case "number":
                return None if control.without and text == "none" else (int if control.whole else float)(text)
            case "switch":
                return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[text.lower()]
            case "layers" | "heads":
                return None if text == "all" else tuple(int(part) for part in text.split(","))
            case _:
                return text
    except (ValueError, KeyError):
        raise WrongOption(f"{control.name}={text} is no {control.kind}.") from None


def explained(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    methods: Sequence[Explainer],
    settings: Sequence[str] | None,
    cancel: CancelToken,
    progress: Callable[[float], None],
) -> list[Explanation]:
    """One map of the target by each method. Raises as `explain` does, and WrongOption."""
    chosen = [settings_of(model, method, settings) for method in methods]
    explanations: list[Explanation] = []
    for number, (method, own) in enumerate(zip(methods, chosen, strict=True)):

        def share(done: float, number: int = number) -> None:
            progress((number + done) / len(methods))

        explanations += explain(method, model, answer, [target], own, cancel=cancel, progress=share)
    return explanations


def foretell(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    methods: Sequence[Explainer],
    settings: Sequence[str] | None,
) -> None:
    """Say how long each of the methods will take that takes long. Raises WrongOption and SettingsError."""
    for method in methods:
        with suppress(ExplainError):  # it is said when it comes to it
            told = expected(method, model, answer, [target], settings_of(model, method, settings))
            say_forecast(told, method.name, method.cheaper)


def told(answer: Answer, explanation: Explanation, changes: Sequence[Sequence[float]] = ()) -> dict[str, Any]:
    """A map for a JSON line: how it came about, a score for every position, its shares, and those of the frames of
    videos, with what hiding them `changes` where that was read."""
    scores = explanation.scores.numpy()
    layout = explanation.about(answer).layout
    places = parts(layout, explanation.target)
    return {
        **record(answer, explanation),
        "scores": [float(score) for score in scores],
        "kinds": [kind.value for kind in layout.kinds],
        "shares": {share.part.value: share.fraction for share in shares(scores, places) if share.fraction is not None},
        "frames": [[asdict(frame) for frame in frames] for frames in frame_figures(answer, explanation, changes)],
    }


def tested(answer: Answer, explanation: Explanation, evidence: Evidence) -> dict[str, Any]:
    """The tests of a map for a JSON line: the verdict under each fill, and each metric's figure beside those of the
    controls, over the fills and under each."""
    beside = {fill: figures_beside(evidence, fill) for fill in evidence.fills}
    figures = {
        key: {
            "value": figure.value,
            "random": evidence.chance(key),
            "centre": evidence.centre.figures[key].value,
            "better": map_metrics()[key].better,
            "fills": {fill: asdict(rows[key]) for fill, rows in beside.items()},
        }
        for key, figure in evidence.tested.figures.items()
    }
    return {
        **record(answer, explanation),
        "badge": badge(evidence),
        "verdicts": [asdict(found) for found in verdicts(evidence)],
        "points": evidence.points,
        "full": evidence.full,
        "blank": evidence.blank,
        "figures": figures,
        "evidence_settings": dict(evidence.settings),
        "evidence_seconds": round(evidence.seconds, 4),
        "evidence_complete": evidence.complete,
    }
