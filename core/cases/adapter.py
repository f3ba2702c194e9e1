"""A model with its adapter, and the same without: what each says to a question, and on what a word of it rests."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Answer, Explanation, Question, Target, TokenLayout
from ..comparison.keyword import likely_word
from ..errors import NotApplicable
from ..explainers.registry import explainers
from ..explainers.run import explain
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.instead import ways_left
from ..vlm.model import VisionLanguageModel


@dataclass(frozen=True, eq=False)
class Side:
    """What a model says, with its adapter (`tuned`) or without, and a map of the word of it that reads like `word`;
    `why` there is none."""

    tuned: bool
    answer: Answer
    target: Target
    explanation: Explanation | None = None
    why: str = ""
    word: str = ""

    @property
    def layout(self) -> TokenLayout:
        """What the map is of."""
        return (self.answer if self.explanation is None else self.explanation.about(self.answer)).layout

    @property
    def said(self) -> str:
        """The word that the map is of."""
        return "".join(self.answer.tokens[index].text for index in self.target.tokens).strip()

    @property
    def logprob(self) -> float:
        """Of that word, in nats."""
        return sum(self.answer.tokens[index].logprob for index in self.target.tokens)


def side(
    model: VisionLanguageModel, question: Question, word: str, tuned: bool, cancel: CancelToken | None = None
) -> Side:
    """Ask a model, and explain the word of its answer that reads like `word`. Raises Cancelled, QuestionError."""
    cancel = cancel or CancelToken()
    answer = ask(model, question, cancel=cancel)
    if cancel.cancelled or not answer.tokens:
        cancel.check()
        return Side(tuned, answer, Target((0,)), why="It said nothing.", word=word)
    target = Target(likely_word(answer, word))
    ways = ways_left(model, answer)
    method = explainers()["relevancy" if "relevancy" in ways else ways[0]]
    try:
        (explanation,) = explain(method, model, answer, [target], cancel=cancel)
    except NotApplicable as error:
        return Side(tuned, answer, target, why=str(error), word=word)
    return Side(tuned, answer, target, explanation, word=word)


def sides(tuned: VisionLanguageModel, plain: VisionLanguageModel, question: Question, word: str) -> tuple[Side, Side]:
    """Both, with the adapter first."""
    return side(tuned, question, word, True), side(plain, question, word, False)
