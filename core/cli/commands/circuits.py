"""The command about circuits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import bar, emit, say, say_forecast, stoppable
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
    Token,
    Whole,
    Word,
)


def circuit(
    question: Annotated[str, typer.Option(help="What is asked.")],
    image: Images = None,
    other_image: Annotated[
        list[Path] | None,
        typer.Option(help="The picture of the corrupted run, of the same size; several in their order."),
    ] = None,
    other_question: Annotated[
        str | None, typer.Option(help="The question of the corrupted run, of as many tokens; the same by default.")
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Of the effect, which the circuit is to carry.")
    ] = 0.8,
    steps: Annotated[int, typer.Option(min=0, max=50, help="Places on the way at which gradients are taken.")] = 5,
    draws: Annotated[int, typer.Option(min=0, max=20, help="Random orders of edges beside it.")] = 3,
    at: At = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
    word: Word = None,
    token: Token = None,
    whole: Whole = False,
    rival: Rival = None,
) -> None:
    """Ask, and find the fewest edges between heads, MLPs and tokens that alone carry what a corrupted run loses of a
    word. The corrupted run has another picture, other words, or, with neither, noise on the picture's tokens. The first
    line tells the circuit, its curve and its controls; then comes a line for each of its edges."""
    from ...answer import Decoding
    from ...circuits.circuit import circuit_passes, find_circuit
    from ...circuits.told import sentence_of
    from ...vlm.forecast import forecast
    from ..asking import answer_to, load, spec_of
    from ..circuits import corruption_of, told
    from ..explaining import target_of

    loaded = load(spec_of(model, device, precision, quantisation, adapter))
    answer = answer_to(loaded, question, image, Decoding(max_new_tokens), at)
    target = target_of(loaded, answer, word, token, whole, rival)
    corruption = corruption_of(answer, other_image, other_question)
    say_forecast(forecast(loaded, answer, circuit_passes(loaded, answer, corruption, steps, draws)), "the circuit", "")
    with stoppable() as cancel, bar("finding the circuit") as progress:
        found = find_circuit(
            loaded, answer, target, corruption, share, steps, draws=draws, cancel=cancel, progress=progress
        )
    say(sentence_of(found))
    for line in told(answer, found):
        emit(line)
