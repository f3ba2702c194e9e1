"""A circuit tested elsewhere: the same edges in another scene, or in another model of the same shape."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Answer, Target
from ..errors import NotApplicable
from ..mechanisms.corruption import Corruption
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.model import VisionLanguageModel
from .circuit import Circuit
from .faithfulness import check_effect, faithfulness
from .interchange import Interchange


@dataclass(frozen=True)
class Transfer:
    """How a circuit does elsewhere: its `faithfulness` there, and the two runs' log-probabilities (nats)."""

    faithfulness: float
    clean_logprob: float
    corrupted_logprob: float


@stoppable
def transferred(
    circuit: Circuit,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    corruption: Corruption,
    *,
    cancel: CancelToken | None = None,
) -> Transfer:
    """The edges of a circuit alone, in another answer or another model.

    Raises Cancelled; NotApplicable for a model of another shape, a sequence of other groups of tokens, and where the
    corruption changes nothing there; and what `Interchange` raises.
    """
    if (model.card.layers, model.card.heads) != (circuit.layers, circuit.heads):
        raise NotApplicable(
            f"The circuit is of {circuit.layers} layers of {circuit.heads} heads, and {model.card.name} has "
            f"{model.card.layers} of {model.card.heads}. Choose a model of the same shape."
        )
    between = Interchange(model, answer, target, corruption)
    names = [[group.name for group in groups] for groups in (circuit.groups, between.graph.groups)]
    if names[0] != names[1]:
        raise NotApplicable(
            f"The circuit is of the token groups {', '.join(names[0])}, and this sequence has {', '.join(names[1])}. "
            "Choose an answer that has the same, such as one to the same question."
        )
    check_effect(between)
    carried = faithfulness(between, between.run(circuit.kept, cancel))
    return Transfer(carried, between.clean_logprob, between.corrupted_logprob)
