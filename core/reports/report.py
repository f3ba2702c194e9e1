"""A report of a run: one page that stands alone, for a screen and for paper.

Everything in it is an element or an image, so nothing that people, models or files say can be markup; it loads nothing
and runs nothing. It needs no model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from ..answer import Answer, Question
from ..charts.tokens import visible
from ..geometry import image_name, picture_notes
from ..masking import as_seen
from ..mechanisms.results import Row
from ..runs.public import without_home
from ..runs.results import KeptResult
from ..runs.run import Run
from ..version import __version__
from ..vlm.cancel import CancelToken
from ..writing import write_whole
from .citations import Reference, bibtex, cited, in_words, own, shortly
from .collect import MISFITS, Item, TurnReport, elsewhere, misfit, turns
from .drawing import Chart, Pixels, png_bytes
from .figure import Figure
from .page import image, node, page, picture, table, token

SIDE = 460
"""Pixels of a picture's longer side."""
WEIGHED = 4
"""Alternatives that are listed of each token."""
LONGEST_ANSWER = 400
"""Tokens whose alternatives are listed."""

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class DrawnTurn:
    """A turn and the figures of what was computed about its answer."""

    report: TurnReport
    items: tuple[Item, ...]


def write_report(
    run: Run, file: Path, *, progress: Progress = lambda done: None, cancel: CancelToken | None = None
) -> None:
    """Write a run's report, whole or not at all. Raises NotWritten and Cancelled."""
    write_whole(file, report(run, progress=progress, cancel=cancel))


def report(run: Run, *, progress: Progress = lambda done: None, cancel: CancelToken | None = None) -> bytes:
    """The page of a run, open or only looked at. `progress` is told the share that is drawn. Raises Cancelled."""
    return page_of(run, drawn(run, progress=progress, cancel=cancel))


def drawn(run: Run, *, progress: Progress = lambda done: None, cancel: CancelToken | None = None) -> list[DrawnTurn]:
    """The turns of a run's conversation with their figures. `progress` is told the share done. Raises Cancelled."""
    asked = list(turns(run))
    total = sum(len(one.results) + 1 for one in asked)
    done, made = 0, []
    for one in asked:
        items = []
        for item in one.items():
            if cancel is not None:
                cancel.check()
            items.append(_tried(item))
            done += 1
            progress(min(1.0, done / total))
        made.append(DrawnTurn(one, tuple(items)))
    return made


def _undrawn(count: int) -> list[Element]:
    """That there is more in the run than is drawn."""
    if not count:
        return []
    results = "1 more result" if count == 1 else f"{count} more results"
    return [node("p", f"The run holds {results} of this answer that only the pages show.", cls="note")]


def _tried(item: Item) -> Item:
    """An item whose charts are drawn, or that says why they cannot be."""
    try:
        for figure in item.figures:
            if isinstance(figure.drawing, Chart):
                figure.drawing.svg()
    except MISFITS as error:
        return misfit(item, error)
    return item


def page_of(run: Run, made: Sequence[DrawnTurn]) -> bytes:
    """The page of figures that are drawn."""
    sections = [
        node(
            "section",
            node("h2", f"{number}. {_short(one.report.summary.question)}"),
            *_turn(one.report),
            *(part for item in one.items for part in _item(item)),
            *_undrawn(one.report.undrawn),
            cls="turn",
        )
        for number, one in enumerate(made, 1)
    ]
    if not made:
        sections.append(node("p", "Nothing has been asked in this run yet."))
    told = [result for one in made for result in one.report.results]
    methods = [text for one in made for item in one.items for figure in item.figures for text in figure.methods]
    head, foot = (
        _head(run, [one.report for one in made]),
        _foot(run, told, cited(methods)),
    )
    return page(run.manifest.shown_title, *head, *sections, *foot)


def _head(run: Run, asked: Sequence[TurnReport]) -> list[Element]:
    manifest = run.manifest
    models = {model.card.fingerprint: model.card for one in asked if (model := one.model) is not None}
    rows = [
        [card.name, card.family, card.dtype, card.device, card.quantisation or "none", card.fingerprint[:12]]
        for card in models.values()
    ]
    parts = [
        node("p", f"Run {run.id}, begun {_moment(manifest.created)}, changed {_moment(manifest.changed)}.", cls="note"),
    ]
    if manifest.tags:
        parts.append(node("p", f"Tags: {', '.join(manifest.tags)}.", cls="note"))
    if manifest.notes:
        parts.append(node("p", manifest.notes))
    if rows:
        parts.append(table(["model", "family", "precision", "device", "quantisation", "fingerprint"], rows))
    return parts


def _turn(one: TurnReport) -> Iterator[Element]:
    if one.turn is None:
        yield node("p", one.trouble or "This turn cannot be read.", cls="note")
        return
    question, answer = one.turn.question, one.turn.answer
    yield node("p", node("strong", "Asked: "), question.text)
    for earlier in question.history:
        yield node("p", f"Before: “{earlier.question}” — “{earlier.answer}”", cls="note")
    yield from _pictures(one, question, answer)
    decoding = question.decoding
    how = "greedy" if decoding.temperature == 0 else f"temperature {decoding.temperature:g}, top-p {decoding.top_p:g}"
    seed = "" if decoding.temperature == 0 else f", seed {decoding.seed}"
    told = f"Decoding: {how}{seed}, at most {decoding.max_new_tokens} tokens."
    if answer is None:
        yield node("p", one.turn.trouble or "There is no answer.", cls="note")
        yield node("p", told, cls="note")
        return
    target = set() if one.target is None else set(one.target.tokens)
    said = [
        token(visible(part.label), _share(part.logprob), index in target) for index, part in enumerate(answer.tokens)
    ]
    yield node("p", node("strong", "Said: "), *said)
    model = one.model.card.name if one.model else "a model that is not named"
    ended = {"end": "ended by itself", "length": "cut at the longest", "stopped": "stopped"}[answer.finish]
    took = f"{model} ({answer.model[:12]}), {len(answer.tokens)} tokens, {ended}, {answer.seconds:.2f} s."
    yield node("p", f"{took} {told}", cls="note")
    if one.turn.replay:
        yield node("p", one.turn.replay, cls="note")
    yield from _weighed(answer)


def _pictures(one: TurnReport, question: Question, answer: Answer | None) -> Iterator[Element]:
    assert one.turn is not None
    sources = one.turn.sources
    seen = as_seen(question)
    for number, shown in enumerate(seen):
        masks = [mask for mask in question.masks if mask.image == number]
        small = shown.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        source = sources[number] if len(sources) == len(seen) else None
        name = image_name(question, number) if len(seen) > 1 else "the picture"
        called = f"{source.name}: " if source else ""
        size = f"{question.images[number].width} x {question.images[number].height} pixels"
        note = f" {source.note}" if source and source.note else ""
        hidden = (
            f" {np.logical_or.reduce([mask.hidden for mask in masks]).mean():.0%} of it is hidden." if masks else ""
        )
        caption = f"{called}{name}, {size}.{note}{hidden}"
        yield node("figure", picture(png_bytes(small), name), node("figcaption", caption, cls="note"))
    if answer is not None:
        for sentence in picture_notes(question.images, answer.layout, question.clips):
            yield node("p", sentence, cls="note")


def _weighed(answer: Answer) -> Iterator[Element]:
    rows = []
    for number, part in enumerate(answer.tokens[:LONGEST_ANSWER], 1):
        others = [one for one in part.alternatives if one.id != part.id][:WEIGHED]
        listed = ", ".join(f"“{visible(one.text)}” {_percent(one.logprob)}" for one in others)
        rows.append([str(number), visible(part.label), _percent(part.logprob), f"{part.entropy:.3f}", listed])
    if rows:
        header = ["token", "text", "probability", "entropy (nats)", "also weighed"]
        body = table(header, rows, numbers=[0, 2, 3])
        yield node("details", node("summary", "Every token with what the model weighed instead"), body)


def _item(item: Item) -> list[Element]:
    if item.trouble is not None:
        return [node("h3", item.name), node("p", item.trouble, cls="note")]
    parts: list[Element] = []
    for figure in item.figures:
        parts += [node("h3", figure.title), *_figure(figure)]
    if item.script is not None:
        made = node("summary", "The code that makes this")
        parts.append(node("details", made, node("pre", node("code", item.script))))
    elif item.without is not None:
        parts.append(node("p", f"No script makes this again. {item.without}", cls="note"))
    return parts


def _figure(figure: Figure) -> Iterator[Element]:
    drawn = []
    if figure.drawing is not None:
        if isinstance(figure.drawing, Pixels):
            drawn.append(picture(figure.drawing.png(), figure.title))
        else:
            drawn.append(image(figure.drawing.svg(), figure.title))
    if figure.shown:
        drawn.append(_rows(figure.shown))
    named = "; ".join(f"{name}: {_plain(value)}" for name, value in figure.settings.items())
    papers = "; ".join(shortly(one) for one in cited(figure.methods))
    caption = [figure.caption, f"Settings: {named}." if named else "", f"Method: {papers}." if papers else ""]
    yield node("figure", *drawn, node("figcaption", " ".join(filter(None, caption)), cls="note"))


def _rows(rows: Sequence[Row]) -> Element:
    names = list(dict.fromkeys(name for row in rows for name in row))
    body = [[_plain(row.get(name, "")) for name in names] for row in rows]
    numbers = [place for place, name in enumerate(names) if all(not isinstance(row.get(name), str) for row in rows)]
    return table(names, body, numbers)


def _foot(run: Run, told: Sequence[KeptResult], papers: Sequence[Reference]) -> list[Element]:
    parts = []
    apart = elsewhere(run, told)
    if apart:
        parts.append(
            node("p", f"Of branches that were left there are {apart} more results, which are in the run.", cls="note")
        )
    for sentence in run.damage:
        parts.append(node("p", without_home(sentence), cls="note"))
    parts += [node("h2", "Methods cited"), node("ul", *(node("li", in_words(one)) for one in papers))]
    entries = "\n\n".join(bibtex(one) for one in (*papers, own()))
    parts.append(node("pre", node("code", entries)))
    versions = [[name, str(version)] for name, version in run.manifest.versions.items()]
    parts += [node("h2", "Versions"), table(["package", "when the run was begun"], versions)]
    parts.append(node("p", f"Written {_moment(datetime.now(UTC).timestamp())} by Sightline {__version__}.", cls="note"))
    return parts


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, str):
        return visible(value) if value else ""
    return str(value)


def _share(logprob: float) -> float:
    return min(1.0, math.exp(min(0.0, logprob))) if not math.isnan(logprob) else 0.0


def _percent(logprob: float) -> str:
    share = _share(logprob)
    return f"{share:.1%}" if share >= 0.001 else "<0.1%"


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"
