"""The command about mechanisms."""

from __future__ import annotations

from typing import Annotated

import typer

from ..console import bar, emit, say_forecast, stoppable
from ..options import (
    Adapter,
    At,
    Device,
    Images,
    MaxNewTokens,
    Model,
    Precision,
    Quantisation,
    Rival,
    Settings,
    Token,
    Whole,
    Word,
)


def mechanism(
    key: Annotated[str | None, typer.Argument(help="Which mechanism; without one, all are listed.")] = None,
    question: Annotated[str | None, typer.Option(help="What is asked.")] = None,
    image: Images = None,
    at: At = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
    setting: Settings = None,
    word: Word = None,
    token: Token = None,
    whole: Whole = False,
    rival: Rival = None,
) -> None:
    """Ask, and measure how a word of the answer comes about inside the network; a line for each figure."""
    from ...answer import Decoding
    from ...errors import WrongOption
    from ...mechanisms.run import expected, measure
    from ..asking import answer_to, load, spec_of
    from ..explaining import settings_of, target_of
    from ..measuring import listed, mechanism_of, told

    if key is None:
        for line in listed():
            emit(line)
        return
    chosen = mechanism_of(key)
    if question is None:
        raise WrongOption("Say what is asked: --question, and --image for a picture.")
    loaded = load(spec_of(model, device, precision, quantisation, adapter))
    settings = settings_of(loaded, chosen, setting)
    answer = answer_to(loaded, question, image, Decoding(max_new_tokens), at)
    target = target_of(loaded, answer, word, token, whole, rival)
    say_forecast(expected(chosen, loaded, answer, target, settings), chosen.name, chosen.cheaper)
    with stoppable() as cancel, bar(f"computing {chosen.key}") as progress:
        measurement = measure(chosen, loaded, answer, target, settings, cancel=cancel, progress=progress)
    for line in told(answer, measurement):
        emit(line)
