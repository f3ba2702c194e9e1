"""An answer as a row of token chips: their labels, and their colours by probability."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

from ...answer import Answer
from ...charts.palette import PICKED, probability_css
from ...charts.tokens import unique, visible

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!<>|~:$&@/=\"'^])")


def escaped(text: str) -> str:
    """Text that Streamlit's labels show letter by letter, with no Markdown in it."""
    return _MARKUP.sub(r"\\\1", text)


def labels(answer: Answer) -> list[str]:
    """One label for each token, all different: its text and its probability."""
    plain = unique([f"{visible(token.label)} {_percent(token.logprob)}" for token in answer.tokens])
    return [escaped(label) for label in plain]


def _percent(logprob: float) -> str:
    probability = math.exp(logprob)
    return f"{probability:.0%}" if 0.005 <= probability < 0.995 else (">99%" if probability > 0.5 else "<1%")


def chip_style(answer: Answer, key: str, marked: Collection[int] = (), doubted: Collection[int] = ()) -> str:
    """Markup that colours the chips of the group `key` by probability, joins those of one word, and outlines the
    `marked` ones; `doubted` ones have a dotted line below them. Numbers only: no text goes into markup."""
    group = f'.st-key-{key} [data-testid="stButtonGroup"]'
    # Chips of a word are drawn together from the left one: the right one may stand at the beginning of a line.
    rules = [f"{group}{{padding-right:0.55rem}}"]
    for word in answer.words():
        for place, index in enumerate(word):
            declarations = [f"background:{probability_css(math.exp(answer.tokens[index].logprob))}", "color:inherit"]
            if place:
                declarations += ["border-top-left-radius:0", "border-bottom-left-radius:0"]
            if place < len(word) - 1:
                declarations += ["margin-right:-0.55rem", "border-top-right-radius:0", "border-bottom-right-radius:0"]
            if index in marked:
                declarations += [f"box-shadow:0 0 0 2.5px {PICKED}", "position:relative", "z-index:1"]
            if index in doubted:
                declarations += ["text-decoration:underline dotted 2px", "text-underline-offset:0.25em"]
            rules.append(f"{group} button:nth-of-type({index + 1}){{{';'.join(declarations)}}}")
    return "<style>" + "".join(rules) + "</style>"
