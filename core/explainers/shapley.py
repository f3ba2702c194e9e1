"""What each region of the picture and each word adds, on average over all orders in which they could become seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, ScoredPart, TokenKind, TokenLayout
from ..masking import unmasked
from ..perturb.outcomes import OutcomeReader, sets_at_once
from ..perturb.perturbation import HiddenTokens
from ..perturb.until import until_targets
from ..settings import number, switch
from ..vlm.batch_size import edited_row_bytes
from ..vlm.edits import first_after_images
from ..vlm.memory_costs import keys_bytes, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, share_after_images
from ..vlm.targets import TokenTarget
from ._players import Player, regions_of, words_of
from .base import Explainer, Step

Samples = Float[Tensor, "sample target player"]


@dataclass(frozen=True)
class ShapleySettings:
    """Who plays, and how many orders are drawn."""

    segments: int = number(24, "Regions", minimum=2, maximum=200, step=1, help="About so many, of similar colour.")
    compactness: float = number(
        10.0, "Compactness", minimum=0.1, maximum=100.0, help="Low: regions follow colours; high: they are squares."
    )
    words: bool = switch(True, "Words play too", help="The typed words, beside the regions of the picture.")
    pairs: int = number(
        16,
        "Pairs of orders",
        minimum=2,
        maximum=2000,
        step=1,
        help="Each an order drawn at random and the same from behind. Four times as many halve the errors.",
    )
    seed: int = number(0, "Seed of the orders", minimum=0, maximum=2**31 - 1, step=1)


class Shapley(Explainer):
    """Shapley values (Shapley 1953) of regions and words together: the mean change of the token's log-probability, in
    nats, as a region or word becomes seen after those before it in an order, over random orders (Castro et al. 2009),
    each taken from both ends (antithetic pairs, Mitchell et al. 2022).

    What is not seen is hidden from all that stands after the picture, at every layer: regions and words in the same
    way. The values add up to what the log-probability gains from nothing to everything seen; standard errors are those
    of the mean over pairs. A value is spread evenly over its tokens.
    """

    key = "shapley"
    name = "Shapley values"
    caveat = (
        "Hidden tokens are not deleted pixels: image tokens have mixed before they are hidden. Values are estimates."
    )
    cheaper = "Fewer pairs of orders or regions take proportionally less time, and fewer pairs have larger errors."
    Settings = ShapleySettings
    signed = True
    keeps_partial = True

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if answer.layout.positions(TokenKind.IMAGE) or answer.layout.positions(TokenKind.TEXT):
            return None
        return "This question has neither image tokens nor words of its own to hide. Ask another."

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        first = first_after_images(answer)
        # What stands before is kept as keys and values, once more while it is cut from those of the question.
        kept = 2 * keys_bytes(model, answer)
        batch = sets_at_once(model, answer, first) * edited_row_bytes(model.card, answer, first)
        return pass_bytes(model, answer) + kept + batch

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        players = settings.segments * len(answer.question.images)
        players += len(words_of(answer)) if settings.words or not players else 0
        read = settings.pairs * (2 * max(0, players - 1) + 1)
        # The pass that is run on, its keys and values, and each set over the rows after the picture.
        return Passes(forward=(2 + read) * share_after_images(answer))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: ShapleySettings,
    ) -> Iterator[Step]:
        yield Step(0.0)
        over = model.with_patches_across(answer)
        players = players_of(answer, over, settings)
        game = _Game(model, answer, token_targets, players)
        drawn = torch.Generator().manual_seed(settings.seed)
        samples: list[Float[Tensor, "target player"]] = []
        for _ in range(settings.pairs):
            order = torch.randperm(len(players), generator=drawn).tolist()
            samples.append(game.both_ways(order))
            found = _Found(players, torch.stack(samples), game.gain)
            layout = None if over is answer.layout else over
            scores = found.scores(len(over))
            yield Step(len(samples) / settings.pairs, scores, layout=layout, says=found.says, parts=found.parts)


def players_of(answer: Answer, over: TokenLayout, settings: ShapleySettings) -> list[Player]:
    """Regions of the pictures, and the typed words. Image tokens without a place in a picture play together."""
    regions = regions_of(unmasked(answer.question), over, settings.segments, settings.compactness) if over.views else []
    placed = {position for region in regions for position in region.positions}
    others = frozenset(over.positions(TokenKind.IMAGE)) - placed
    if others:
        regions.append(Player("rest of the picture" if regions else "the picture", others))
    return [*regions, *(words_of(answer) if settings.words or not regions else [])]


class _Game:
    """What a coalition of players that are seen is worth: the token targets' log-probabilities. `gain` is what all
    together are worth more than none."""

    def __init__(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        players: Sequence[Player],
    ) -> None:
        self._model, self._answer, self._token_targets = model, answer, token_targets
        self._players = players
        first = min(first_after_images(answer), len(answer.prompt_tokens) - 1)
        self._checkpoints = model.checkpointed(until_targets(model, answer, token_targets), first)
        self.gain: Float[Tensor, "target"] = torch.zeros(len(token_targets))

    def both_ways(self, order: Sequence[int]) -> Float[Tensor, "target player"]:
        """The mean of what each player changes as it becomes seen in an order, and in the same from behind."""
        ways = [list(order), list(order)[::-1]]
        # A reader remembers what it has read, and is let go with these two orders.
        reader = OutcomeReader(self._model, self._answer, self._token_targets, self._checkpoints)
        worth = (
            torch.from_numpy(outcome.after.logprobs)
            for outcome in reader.outcomes(self._hidden(way[seen:]) for way in ways for seen in range(len(way) + 1))
        )
        changes = torch.zeros(len(self._token_targets), len(order), dtype=torch.float64)
        for way in ways:
            nothing = before = next(worth)
            for player in way:
                after = next(worth)
                changes[:, player] += (after - before) / len(ways)
                before = after
            self.gain = before - nothing
        return changes

    def _hidden(self, players: Sequence[int]) -> HiddenTokens:
        length = len(self._answer.layout)
        positions = [position for player in players for position in self._players[player].positions]
        return HiddenTokens(
            frozenset(position for position in positions if position < length),
            frozenset(position - length for position in positions if position >= length),
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """The values so far: `samples` are of pairs of orders."""

    players: Sequence[Player]
    samples: Samples
    gain: Float[Tensor, "target"]

    def scores(self, length: int) -> Float[Tensor, "target position"]:
        """Each value, spread evenly over its player's positions."""
        scores = torch.zeros(self.samples.shape[1], length)
        for player, value in zip(self.players, self.samples.mean(0).T, strict=True):
            scores[:, list(player.positions)] = (value / len(player.positions)).float()[:, None]
        return scores

    def parts(self, numbers: Sequence[int]) -> tuple[ScoredPart, ...]:
        """The players' values for the mean of some token targets, with the standard errors of these."""
        own = self.samples[:, list(numbers)].mean(1)
        count = len(own)
        errors = own.std(0) / math.sqrt(count) if count > 1 else [None] * len(self.players)
        return tuple(
            ScoredPart(
                player.name,
                tuple(sorted(player.positions)),
                float(value),
                None if error is None else float(error),
            )
            for player, value, error in zip(self.players, own.mean(0), errors, strict=True)
        )

    def says(self, numbers: Sequence[int]) -> str:
        """Whether the values add up, and how sure they are."""
        parts = self.parts(numbers)
        total, gain = sum(part.score for part in parts), float(self.gain[list(numbers)].mean())
        sure = max((part.error for part in parts if part.error is not None), default=None)
        errors = "" if sure is None else f", standard errors up to {sure:.2f}"
        return (
            f"{len(self.samples)} pairs of orders{errors}. The values add up to {total:.2f} nats, and the "
            f"log-probability gains {gain:.2f} from nothing to everything seen."
        )
