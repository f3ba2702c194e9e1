"""What stands in the place of a model that is not loaded: it knows its card and how its tokens are written, as far as
its answers tell, and refuses to compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from ..answer import Answer
from ..errors import NeedsItsModel
from ..vlm.model import ModelCard, VisionLanguageModel
from ..vlm.pace import Pace
from ..vlm.tokens import TokenReader
from ..vlm.turns import Turns


class _Reader(TokenReader):
    """The tokens that answers have, and those that were weighed beside them."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._texts: dict[int, str] = {}
        for answer in answers:
            for token in answer.tokens:
                self._texts.update({other.id: other.text for other in token.alternatives})
                self._texts.setdefault(token.id, token.text)

    def bytes_of(self, token: int) -> bytes:
        return self._texts.get(token, "").encode()

    def name_of(self, token: int) -> str:
        return f"token {token}"


class AbsentModel(VisionLanguageModel):
    """A model by its card alone. Whatever would need more of it raises NeedsItsModel."""

    def __init__(self, card: ModelCard, answers: Iterable[Answer]) -> None:
        self.card = card
        self.pace = Pace(card.layers, card.hidden)
        self.lock = Turns()
        self.context_length = 2**31
        self.end_ids = self.image_marker_ids = frozenset()
        self.reader = _Reader(answers)

    @property
    def sentence(self) -> str:
        """That the model is needed, and which."""
        return (
            f"This was not computed before, and needs the model {self.card.name} (fingerprint "
            f"{self.card.fingerprint[:12]}), which is not in use."
        )

    # What it showed of itself stands in what was kept.

    def attention_seen(self) -> frozenset[int]:
        return frozenset(self.card.attention_layers)

    def reads_states(self, answer: Answer) -> bool:
        return True


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(self: AbsentModel, *given: object, **named: object) -> Any:
        raise NeedsItsModel(self.sentence)

    refuse.__name__ = name
    return refuse


for _name in VisionLanguageModel.__abstractmethods__ - vars(AbsentModel).keys():
    setattr(AbsentModel, _name, _refusal(_name))
AbsentModel.__abstractmethods__ = frozenset()


def absent_model(card: ModelCard, answers: Iterable[Answer] = ()) -> AbsentModel:
    """The stand-in for the model of a card, which gave these answers."""
    return cast(AbsentModel, cast(Any, AbsentModel)(card, answers))
