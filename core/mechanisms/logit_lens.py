"""What positions say: states read in the vocabulary, over the picture and over words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..answer import Answer, Target, TokenKind
from ..errors import NotApplicable
from ..settings import Chosen, choice, layers, number
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import token_targets_of
from .base import Mechanism
from .lens import lens, lens_passes, reading_bytes
from .results import LayerTexts, LayerValues, Result, single_places

MOST_LAYERS = 14
WORDS, IMAGE_TOKENS = "words", "image tokens"


@dataclass(frozen=True)
class LogitLensSettings:
    """Which states are read, and how much is told of each."""

    layers: Chosen = layers(
        "Layers that states enter",
        help="None chosen: all and what the last one left, or evenly spread ones of a deep model.",
    )
    positions: str = choice(WORDS, "Read", (WORDS, IMAGE_TOKENS))
    top: int = number(10, "Words of each state", minimum=1, maximum=50, step=1)


class LogitLens(Mechanism):
    """The logit lens of nostalgebraist 2020, "interpreting GPT: the logit lens": the state of a position at any layer
    goes through the final norm and the output embedding as if it were the last, so that it can be read as words. Image
    tokens are read as Yu and Ananiadou 2024 and Neo et al. 2024 do.
    """

    key = "logit_lens"
    name = "What positions say"
    caveat = "Early states need not be meant to be read so; Findings says how far image tokens can be."
    order = 20
    cheaper = "Fewer layers take proportionally less time."
    Settings = LogitLensSettings

    def estimate(self, model: VisionLanguageModel, answer: Answer, target: Target, settings: LogitLensSettings) -> int:
        return super().estimate(model, answer, target, settings) + reading_bytes(model, len(answer.layout))

    def passes(self, model: VisionLanguageModel, answer: Answer, target: Target, settings: LogitLensSettings) -> Passes:
        images = settings.positions == IMAGE_TOKENS
        read = answer.layout.positions(TokenKind.IMAGE) if images else words_read(answer)
        entered = some_layers(model.card.layers) if settings.layers is None else settings.layers
        return lens_passes(model, answer, len(read) * len(entered))

    def compute(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        target: Target,
        settings: LogitLensSettings,
        *,
        cancel: CancelToken,
        progress: Callable[[float], None],
    ) -> Result:
        word = token_targets_of(answer, target)[0].token
        read = words_read(answer) if settings.positions == WORDS else answer.layout.positions(TokenKind.IMAGE)
        if not read:
            why = answer.layout.unplaced or "This question has no picture, so there are no image tokens to read"
            raise NotApplicable(f"{why}. Read the words.")
        entered = some_layers(model.card.layers) if settings.layers is None else settings.layers
        reading = lens(model, answer, read, entered, top=settings.top, words=[word], cancel=cancel, progress=progress)
        places = single_places(answer, read)
        said = [[reading.words(model, row, place) for place in range(len(places))] for row in range(len(entered))]
        probability = reading.word_logprobs[..., 0].exp().numpy()
        piece = model.reader.piece(word)
        return Result(
            (
                LayerTexts("The most probable words of each state", said, entered, places),
                LayerValues(f"Probability of “{piece}”", probability, entered, places, "probability", signed=False),
            )
        )


def words_read(answer: Answer) -> list[int]:
    """The positions of question and answer whose tokens were read, and the one that predicts the answer's first token.
    The last token of an answer was said and not read again."""
    kinds, predicting = answer.layout.kinds, len(answer.prompt_tokens) - 1
    spoken = (TokenKind.TEXT, TokenKind.ANSWER)
    return [position for position in range(len(kinds) - 1) if kinds[position] in spoken or position == predicting]


def some_layers(number_of_layers: int) -> list[int]:
    """All layers and what the last one left; evenly spread ones where these are too many for a table."""
    if number_of_layers < MOST_LAYERS:
        return list(range(number_of_layers + 1))
    step = number_of_layers / (MOST_LAYERS - 1)
    return [round(step * column) for column in range(MOST_LAYERS)]
