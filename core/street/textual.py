"""Text-only questions: a few sentences state the facts, and one of them is asked about.

"The dog is orange. The car is red. What color is the dog?" has the phrasings and the answer sentences of
the questions about pictures, so visual and textual question answering can be compared in one model.
"""

from __future__ import annotations

import random

from .questions import (
    COLOR_PHRASINGS,
    COUNT_PHRASINGS,
    POSITION_PHRASINGS,
    Pair,
    color_question,
    color_sentence,
    count_sentence,
)
from .scene import COLORED_PARTS, COLORS, KINDS, MOST_OF_A_KIND

_REGIONS = tuple(f"{v} {h}" for v in ("top", "bottom") for h in ("left", "middle", "right"))


def _color_fact(rng: random.Random) -> tuple[str, Pair]:
    kind = rng.choice([kind for kind in KINDS if COLORED_PARTS[kind]])
    part = rng.choice(COLORED_PARTS[kind])
    fact = color_sentence(kind, part, rng.choice(COLORS))
    return f"{kind} {part}", Pair("text_color", color_question(kind, part, rng.choice(COLOR_PHRASINGS)), fact)


def _position_fact(rng: random.Random) -> tuple[str, Pair]:
    kind = rng.choice(KINDS)
    fact = f"The {kind} is at the {rng.choice(_REGIONS)}."
    return f"{kind} where", Pair("text_position", rng.choice(POSITION_PHRASINGS).format(kind=kind), fact)


def _count_fact(rng: random.Random) -> tuple[str, Pair]:
    kind = rng.choice(sorted(MOST_OF_A_KIND))
    fact = count_sentence(kind, rng.randint(1, MOST_OF_A_KIND[kind]))
    return f"{kind} count", Pair("text_count", rng.choice(COUNT_PHRASINGS).format(kind=kind), fact)


Shares = tuple[float, float, float]
"""How often a fact is about a colour, a place and a number."""
SHARES: Shares = (6, 1.5, 1)


def _facts(rng: random.Random, wanted: int, shares: Shares = SHARES) -> list[Pair]:
    """About `wanted` facts about different subjects, each as the question that asks for it."""
    facts: dict[str, Pair] = {}
    for maker in rng.choices((_color_fact, _position_fact, _count_fact), shares, k=12):
        subject, pair = maker(rng)
        facts.setdefault(subject, pair)
        if len(facts) == wanted:
            break
    return list(facts.values())


def ask_from_text(rng: random.Random, number: int = 1, most: int = 5, shares: Shares = SHARES) -> list[Pair]:
    """A passage of two to `most` facts and `number` questions about it; the first question carries the passage."""
    facts = _facts(rng, rng.randint(2, most), shares)
    pairs = rng.sample(facts, min(number, len(facts)))
    passage = " ".join(fact.answer for fact in facts)
    first = pairs[0]
    return [Pair(first.family, f"{passage} {first.question}", first.answer), *pairs[1:]]


def recite(rng: random.Random, most: int = 5) -> Pair:
    """A passage answered by its own sentences in another order.

    Nothing is asked, but every restated fact must be looked up by its subject: the same skill as answering,
    practised three times as often in as many tokens. Used in training alone, never judged.
    """
    facts = [fact.answer for fact in _facts(rng, rng.randint(2, most))]
    return Pair("text_recital", " ".join(facts), " ".join(rng.sample(facts, len(facts))))
