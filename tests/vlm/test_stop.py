"""Stop is heard in the middle of a pass, whatever it is a pass of: no further layer is begun, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from PIL import Image

from core.answer import Answer, Explanation, Question, Target
from core.attention.tower import tower_figures
from core.causal.discovery import causal_graphs
from core.causal.explanation_test import Masking
from core.causal.heads import heads_tests
from core.causal.settings import GraphSettings
from core.evidence.evaluate import evaluate
from core.evidence.randomisation import randomise
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.vlm import attention_gradient
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.hf import capture
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score_many
from core.vlm.targets import whole_answer
from tests.eager import sampled
from tests.hooks import hooks_of

Work = Callable[[TransformersModel, Answer, CancelToken], Any]

SETTINGS = {"integrated_gradients": IntegratedGradientsSettings(steps=4)}
TARGET = Target((1,))


def _explaining(key: str) -> Work:
    method = explainers()[key]
    return lambda model, answer, cancel: explain(
        method, model, answer, [whole_answer(answer)], SETTINGS.get(key), cancel=cancel
    )


def _measuring(key: str) -> Work:
    return lambda model, answer, cancel: measure(mechanisms()[key], model, answer, TARGET, cancel=cancel)


def _map(model: TransformersModel, answer: Answer) -> Explanation:
    return explain(explainers()["raw_attention"], model, answer, [TARGET])[0]


def _testing_heads(mode: str) -> Work:
    masking, settings = Masking(mode), GraphSettings()  # type: ignore[arg-type]

    def work(model: TransformersModel, answer: Answer, cancel: CancelToken) -> object:
        every = dict.fromkeys(range(model.card.layers), range(model.card.heads))
        return list(heads_tests(model, answer, 1, every, settings, 2, masking, cancel=cancel))

    return work


WORK: dict[str, Work] = {
    **{f"explain {key}": _explaining(key) for key in explainers()},
    **{f"measure {key}": _measuring(key) for key in mechanisms()},
    "evidence": lambda model, answer, cancel: evaluate(model, answer, [_map(model, answer)], cancel=cancel),
    "randomised weights": lambda model, answer, cancel: randomise(model, answer, [_map(model, answer)], cancel=cancel),
    "causal graph": lambda model, answer, cancel: causal_graphs(model, answer, 1, [(1, 0)], cancel=cancel),
    "causal heads, hidden": _testing_heads("reader"),
    "causal heads, pixels": _testing_heads("pixels"),
    "the tower's attention": lambda model, answer, cancel: tower_figures(
        model.checkpointed_tower(answer),  # type: ignore[arg-type]
        answer.layout,
        0,
        cancel=cancel,
    ),
    "asking": lambda model, answer, cancel: ask(model, answer.question, cancel=cancel),
    "scoring": lambda model, answer, cancel: score_many(model, [(answer.question, "the dog")], cancel=cancel),
}


class Pulled:
    """Counts attentions, forward and backward, and pulls a token at one of them; `after` counts those that follow."""

    def __init__(self, at: int) -> None:
        self.token, self.at, self.count = CancelToken(), at, 0

    @property
    def after(self) -> int:
        return max(0, self.count - self.at)

    def seeing(self, attend: Callable[..., Any]) -> Callable[..., Any]:
        def seen(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                self.token.cancel()
            return attend(*args, **kwargs)

        return seen


@contextmanager
def pulled_at(number: int) -> Iterator[Pulled]:
    """Stop is asked for within the attention of this number, from 1."""
    pulled = Pulled(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "_attend", pulled.seeing(capture._attend))
        patch.setattr(attention_gradient, "_of_stacked", pulled.seeing(attention_gradient._of_stacked))
        yield pulled


@pytest.mark.parametrize("name", WORK)
def test_no_layer_is_begun_after_a_stop_and_nothing_is_left(
    name: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog the dog?", picture, tokens=3)
    before, hooks = llava.replay_logits(answer), hooks_of(llava)
    fired = 0
    for number in (2, 8, 13):
        llava.forget()
        # (What keeps a part of what it did has that.)
        with pulled_at(number) as pulled, suppress(Cancelled):
            WORK[name](llava, answer, pulled.token)
        # At most the gradients of the layer it was in are asked for, and refused.
        assert pulled.after <= 1 or not pulled.token.cancelled
        fired += pulled.token.cancelled
        assert hooks_of(llava) == hooks
    assert fired or name.split()[-1] in ("raw_attention", "grounding_heads", "random", "centre_bias")
    assert bool((llava.replay_logits(answer) == before).all())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in llava.network.parameters())


def test_an_answer_whose_prompt_was_stopped_is_empty_and_says_so(
    llava: TransformersModel, picture: Image.Image
) -> None:
    llava.forget()
    with pulled_at(2) as pulled:
        answer = ask(llava, Question("Where is it?", images=(picture,)), cancel=pulled.token)
    assert (answer.finish, len(answer.tokens), pulled.after) == ("stopped", 0, 0)
