"""Commands about one question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import bar, emit, say_forecast, stoppable
from ..options import (
    MOST,
    Adapter,
    At,
    Device,
    Fps,
    Frames,
    Html,
    Images,
    MaxNewTokens,
    Methods,
    Model,
    Precision,
    Quantisation,
    Question,
    Rival,
    RowsOfLast,
    RowsOfLayers,
    Seed,
    Settings,
    Token,
    Videos,
    Whole,
    Word,
)


def ask(
    question: Question,
    image: Images = None,
    at: At = None,
    video: Videos = None,
    frames: Frames = None,
    fps: Fps = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="0 is greedy.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1)] = 1.0,
    seed: Seed = 0,
    also_without: Annotated[
        bool, typer.Option("--also-without", help="Ask the model without its adapter, too: a second line.")
    ] = False,
) -> None:
    """Ask one question; tell the answer with the probability of each token."""
    from dataclasses import replace

    from ...answer import Decoding
    from ...errors import WrongOption
    from ...vlm.loading import NO_ADAPTER
    from ..asking import VideoFiles, answer_to, load, spec_of, told

    if also_without and adapter in (None, NO_ADAPTER):
        raise WrongOption("There is no adapter to leave out: --also-without is for a model with --adapter.")
    spec = spec_of(model, device, precision, quantisation, adapter)
    decoding = Decoding(max_new_tokens, temperature, top_p, seed)
    watched = VideoFiles(video or (), frames, fps)
    loaded = load(spec)
    answer = answer_to(loaded, question, image, decoding, at, watched)
    emit(told(loaded, answer))
    if also_without:
        # One after the other: two may not fit.
        del loaded, answer
        loaded = load(replace(spec, adapter=NO_ADAPTER))
        emit(told(loaded, answer_to(loaded, question, image, decoding, at, watched)))


def reask(
    question: Question,
    mask: Annotated[
        Path,
        typer.Option(
            help="A PNG (or another picture file) of the picture's width and height. Hidden are its opaque pixels "
            "(half opaque or more) if it is transparent anywhere, or else its white ones (middle grey or lighter)."
        ),
    ],
    image: Images = None,
    at: At = None,
    video: Videos = None,
    frames: Frames = None,
    fps: Fps = None,
    fill: Annotated[str, typer.Option(help="Hidden pixels become black, mean, blur, noise or inpaint.")] = "black",
    number: Annotated[int, typer.Option(min=1, max=MOST, help="Which picture is masked, by number from 1.")] = 1,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Mask every frame of the video that this picture is a frame of.")
    ] = False,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
) -> None:
    """Ask, hide a region of a picture and ask again; tell both answers, and what becomes of each token of the first."""
    from ...answer import Decoding
    from ...masking import fill_named
    from ..asking import VideoFiles, answer_to, load, spec_of
    from ..reasking import asked_again, say_in_words, told

    wanted = fill_named(fill)
    watched = VideoFiles(video or (), frames, fps)
    loaded = load(spec_of(model, device, precision, quantisation, adapter))
    answer = answer_to(loaded, question, image, Decoding(max_new_tokens), at, watched)
    reasked = asked_again(loaded, answer, mask, wanted, number, every_frame)
    emit(told(loaded, reasked))
    say_in_words(reasked)


def explain(
    question: Question,
    image: Images = None,
    at: At = None,
    video: Videos = None,
    frames: Frames = None,
    fps: Fps = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
    method: Methods = None,
    setting: Settings = None,
    word: Word = None,
    token: Token = None,
    whole: Whole = False,
    rival: Rival = None,
    rows_of_last: RowsOfLast = None,
    rows_of_layer: RowsOfLayers = None,
    hide_frames: Annotated[
        bool, typer.Option("--hide-frames", help="Also hide every frame of a video in turn: a pass for each.")
    ] = False,
    html: Html = None,
) -> None:
    """Ask, and say what a word of the answer rests on, by relevancy or by methods of your choice; a line for each."""
    from ...answer import Decoding
    from ...writing import reserved
    from ..asking import VideoFiles, answer_to, kept, load, spec_of
    from ..explaining import explained, foretell, methods_of, target_of, told, with_grid
    from ..frames import changes_without
    from ..report import write_maps

    methods = methods_of(method)
    watched = VideoFiles(video or (), frames, fps)
    with reserved(html, beside=[*(image or ()), *(video or ())]):
        loaded = load(spec_of(model, device, precision, quantisation, adapter))
        keep = kept(loaded, rows_of_last, rows_of_layer)
        answer = answer_to(loaded, question, image, Decoding(max_new_tokens), at, watched, keep)
        answer = with_grid(loaded, answer)
        target = target_of(loaded, answer, word, token, whole, rival)
        foretell(loaded, answer, target, methods, setting)
        with stoppable() as cancel, bar("explaining") as progress:
            maps = explained(loaded, answer, target, methods, setting, cancel, progress)
        changes = changes_without(loaded, answer, target) if hide_frames else ()
        try:
            if html is not None:
                write_maps(html, loaded.card, answer, maps, changes=changes)
        finally:  # what is computed is told, also where the page cannot be written
            for explanation in maps:
                emit(told(answer, explanation, changes))


def evidence(
    question: Question,
    image: Images = None,
    at: At = None,
    video: Videos = None,
    frames: Frames = None,
    fps: Fps = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
    method: Methods = None,
    setting: Settings = None,
    word: Word = None,
    token: Token = None,
    whole: Whole = False,
    rival: Rival = None,
    rows_of_last: RowsOfLast = None,
    rows_of_layer: RowsOfLayers = None,
    html: Html = None,
) -> None:
    """Explain, and test each map by taking its patches away, beside random patches and the middle of the picture."""
    from ...answer import Decoding
    from ...evidence.evaluate import check_testable, evaluate, expected
    from ...writing import reserved
    from ..asking import VideoFiles, answer_to, kept, load, spec_of
    from ..explaining import explained, foretell, methods_of, target_of, tested, with_grid
    from ..report import write_maps

    methods = methods_of(method)
    watched = VideoFiles(video or (), frames, fps)
    with reserved(html, beside=[*(image or ()), *(video or ())]):
        loaded = load(spec_of(model, device, precision, quantisation, adapter))
        keep = kept(loaded, rows_of_last, rows_of_layer)
        answer = answer_to(loaded, question, image, Decoding(max_new_tokens), at, watched, keep)
        answer = with_grid(loaded, answer)
        if answer.layout.views or not answer.question.images:
            # (without places some maps can be tested and others cannot: that is seen when they are there)
            check_testable(loaded, answer)
        target = target_of(loaded, answer, word, token, whole, rival)
        foretell(loaded, answer, target, methods, setting)
        say_forecast(expected(loaded, answer, len(methods)), "Testing")
        with stoppable() as cancel, bar("explaining and testing") as progress:
            maps = explained(loaded, answer, target, methods, setting, cancel, lambda done: progress(done / 2))
            trials = evaluate(loaded, answer, maps, cancel=cancel, progress=lambda done: progress((1 + done) / 2))
        try:
            if html is not None:
                write_maps(html, loaded.card, answer, maps, trials)
        finally:
            for explanation, trial in zip(maps, trials, strict=True):
                emit(tested(answer, explanation, trial))


def audit(
    question: Question,
    image: Images = None,
    wording: Annotated[list[str] | None, typer.Option(help="A wording of your own; generated ones otherwise.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
) -> None:
    """Ask one question in many wordings: do the answers agree, and how probable is each under each wording?"""
    from ..asking import load, spec_of
    from ..wordings import audit_one

    loaded = load(spec_of(model, device, precision, quantisation, adapter))
    raise typer.Exit(audit_one(loaded, question, wording, image, max_new_tokens))
