"""Explain an answer, and test the explanation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, overload

from ..answer import Answer, Explanation, Target
from ..comparison.keyword import word_tokens
from ..errors import UnknownName
from ..evidence.evaluate import evaluate as evaluate_maps
from ..evidence.location import Truth
from ..evidence.modalities import evaluate_modalities as test_modalities
from ..evidence.modality_result import ModalityEvidence
from ..evidence.modality_settings import ModalitySettings
from ..evidence.result import Evidence
from ..evidence.settings import EvidenceSettings
from ..explainers.base import Explainer
from ..explainers.registry import explainers
from ..explainers.run import explain as explain_targets
from ..street.recipe import SceneRecipe
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import whole_answer

Progress = Callable[[float], None]
"""Told the share that is done."""


def explain(
    model: VisionLanguageModel,
    answer: Answer,
    method: str | Explainer = "relevancy",
    target: Target | str | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Progress = lambda done: None,
    **settings: Any,
) -> Explanation:
    """What a part of an answer rests on: a score for every position of the sequence.

    `method` is one of `methods()`, whose settings are given by name. `target` is a Target or a word of the answer, by
    default the whole answer. Raises UnknownName for a method, word or setting that there is not, and OtherModel,
    NotApplicable, NotEnoughMemory and Cancelled.
    """
    chosen = _method(method)
    own = _settings(chosen.Settings, chosen.name, settings)
    [explanation] = explain_targets(
        chosen, model, answer, [target_of(answer, target)], own, cancel=cancel, progress=progress
    )
    return explanation


@overload
def evaluate(
    model: VisionLanguageModel,
    answer: Answer,
    explanation: Explanation,
    *,
    truth: Truth | None = ...,
    scenes: Sequence[SceneRecipe] = ...,
    cancel: CancelToken | None = ...,
    progress: Progress = ...,
    **settings: Any,
) -> Evidence: ...


@overload
def evaluate(
    model: VisionLanguageModel,
    answer: Answer,
    explanation: Sequence[Explanation],
    *,
    truth: Truth | None = ...,
    scenes: Sequence[SceneRecipe] = ...,
    cancel: CancelToken | None = ...,
    progress: Progress = ...,
    **settings: Any,
) -> list[Evidence]: ...


def evaluate(
    model: VisionLanguageModel,
    answer: Answer,
    explanation: Explanation | Sequence[Explanation],
    *,
    truth: Truth | None = None,
    scenes: Sequence[SceneRecipe] = (),
    cancel: CancelToken | None = None,
    progress: Progress = lambda done: None,
    **settings: Any,
) -> Evidence | list[Evidence]:
    """How far an explanation holds: its patches are taken away in its order, in random orders and from the middle
    outwards. Several explanations of one answer share what they have in common.

    `settings` are those of EvidenceSettings (`fill`, `steps`, `draws`, `seed`). `truth` marks the pixels of the first
    picture that should have been found, for the metrics that need it. `scenes` are the recipes of drawn pictures, which
    the fill `redraw` needs. Raises UnknownName for a setting that there is
    not, ValueError for a mask of another size, and OtherModel, NotApplicable, NotEnoughMemory and Cancelled.
    """
    several = [explanation] if isinstance(explanation, Explanation) else list(explanation)
    own = _settings(EvidenceSettings, "The test", settings)
    evidence = evaluate_maps(
        model, answer, several, truth=truth, settings=own, scenes=scenes, cancel=cancel, progress=progress
    )
    return evidence[0] if isinstance(explanation, Explanation) else evidence


def evaluate_modalities(
    model: VisionLanguageModel,
    answer: Answer,
    explanation: Explanation,
    *,
    cancel: CancelToken | None = None,
    progress: Progress = lambda done: None,
    **settings: Any,
) -> ModalityEvidence:
    """How far an explanation holds over the question's words, over patches, and over both in one order; and in
    `synergy` what picture and words give together that neither gives alone.

    `settings` are those of ModalitySettings (`words`, `fill`, `steps`, `draws`, `seed`). Raises UnknownName for a
    setting that there is not, SettingsError for one out of range, and OtherModel, NotApplicable, NotEnoughMemory and
    Cancelled.
    """
    own = _settings(ModalitySettings, "The test", settings)
    return test_modalities(model, answer, explanation, settings=own, cancel=cancel, progress=progress)


def _method(method: str | Explainer) -> Explainer:
    if isinstance(method, Explainer):
        return method
    if method not in explainers():
        raise UnknownName(f"There is no method {method!r}. The methods are {', '.join(explainers())}.")
    return explainers()[method]


def target_of(answer: Answer, target: Target | str | None) -> Target:
    """A target, that of a word of the answer, or the whole answer. Raises UnknownName."""
    if isinstance(target, Target):
        return target
    if target is None:
        return whole_answer(answer)
    tokens = word_tokens(answer, target)
    if not tokens:
        raise UnknownName(f"The answer “{answer.text}” has no word “{target}”.")
    return Target(tokens)


def _settings(kind: Any, whose: str, given: dict[str, Any]) -> Any:
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            raise UnknownName(f"{whose} has no setting {name!r}. It has {', '.join(known) or 'none'}.")
    return kind(**given)
