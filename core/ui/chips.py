"""An answer as a row of token chips, coloured by probability; the chosen one is the target everywhere."""

from __future__ import annotations

import math
import re

import streamlit as st

from core.answer import Answer, Target
from core.charts.palette import probability_css
from core.charts.tokens import unique, visible
from core.ui.state import Exchange, Workspace

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!<>|~:$&@/=\"'^])")


def escaped(text: str) -> str:
    """Text that Streamlit's labels show letter by letter, with no Markdown in it."""
    return _MARKUP.sub(r"\\\1", text)


def labels(answer: Answer) -> list[str]:
    """One label for each token, all different: its text and its probability."""
    plain = unique([f"{visible(token.text)} {_percent(token.logprob)}" for token in answer.tokens])
    return [escaped(label) for label in plain]


def _percent(logprob: float) -> str:
    probability = math.exp(logprob)
    return f"{probability:.0%}" if 0.005 <= probability < 0.995 else (">99%" if probability > 0.5 else "<1%")


def chips_key(exchange: Exchange) -> str:
    """The session key under which the chips of an exchange remember the chosen token's index."""
    return f"chips_{exchange.serial}"


def token_chips(work: Workspace, exchange: Exchange, answer: Answer) -> None:
    """The chips of an exchange's answer. Clicking one makes it the target (`work.target`); clicking it again
    lets go."""
    chip_key = chips_key(exchange)
    st.html(_style(answer, chip_key))
    chosen = work.target.tokens if work.target else ()
    names = labels(answer)
    st.session_state.setdefault(chip_key, chosen[0] if chosen else None)
    picked = st.pills(
        "The answer's tokens",
        range(len(answer.tokens)),
        format_func=lambda index: names[index],
        key=chip_key,
        label_visibility="collapsed",
    )
    if picked is None:
        work.target = None
    elif picked not in chosen:
        work.target = Target((picked,))


def _style(answer: Answer, key: str) -> str:
    """Colours by probability, and chips of one word joined. Numbers only: no text goes into markup."""
    group = f'.st-key-{key} [data-testid="stButtonGroup"]'
    rules = [f'{group} button[data-testid*="Active"]{{box-shadow:0 0 0 2px currentColor;position:relative;z-index:1}}']
    for word in answer.words():
        for place, index in enumerate(word):
            declarations = [f"background:{probability_css(math.exp(answer.tokens[index].logprob))}", "color:inherit"]
            if place:
                declarations += ["margin-left:-0.55rem", "border-top-left-radius:0", "border-bottom-left-radius:0"]
            if place < len(word) - 1:
                declarations += ["border-top-right-radius:0", "border-bottom-right-radius:0"]
            rules.append(f"{group} button:nth-of-type({index + 1}){{{';'.join(declarations)}}}")
    return "<style>" + "".join(rules) + "</style>"
