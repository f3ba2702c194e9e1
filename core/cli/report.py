"""What is on the pages that commands write: maps with their tests, and runs with their rates and failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from ..answer import Answer, Explanation
from ..cases.known_cause.summary import caveat_of
from ..cases.rates import Rate
from ..cases.results import Result, Run, crop_sentence, failures, unread
from ..charts.export import Legend, svg_map
from ..charts.heatmap import OPACITY, scale_of
from ..charts.vector import Line, Row, svg_intervals, svg_lines
from ..counted import counted
from ..evidence.badge import badge, random_in_words
from ..evidence.beside import figures_beside
from ..evidence.curves import Curve
from ..evidence.registry import map_metrics
from ..evidence.result import Evidence
from ..explainers.registry import explainers
from ..geometry import picture_notes
from ..maps.files import record_json
from ..maps.grid import grid_note
from ..masking import FILL_NAMES
from ..reports.page import image, node, page, table, token, wide
from ..vlm.model import ModelCard
from ..writing import write_whole
from .explaining import told
from .frames import frame_figures, frame_table

LISTED = 200
"""Failures that a page lists: the results file has them all."""
DEPENDENCE = (
    "Image dependence: log-probability of the answer with the picture, minus that with a black one, summed over its "
    "tokens, so long answers have more."
)


def write_maps(
    file: Path,
    card: ModelCard,
    answer: Answer,
    explanations: Sequence[Explanation],
    evidence: Sequence[Evidence] = (),
    changes: Sequence[Sequence[float]] = (),
) -> None:
    """A page of maps of one answer by the model of `card`, with what their tests found, and `changes` by hiding the
    frames of videos. Raises NotWritten."""
    target = set(explanations[0].target.tokens)
    said = [token(one.text, math.exp(one.logprob), index in target) for index, one in enumerate(answer.tokens)]
    sections = [node("p", node("strong", "Asked: "), answer.question.text), node("p", node("strong", "Said: "), *said)]
    sections.append(node("p", f"By {card.name} ({card.fingerprint[:8]}), {card.dtype} on {card.device}.", cls="note"))
    sections += [
        node("p", note) for note in picture_notes(answer.question.images, answer.layout, answer.question.clips)
    ]
    for number, explanation in enumerate(explanations):
        sections += _map(answer, explanation)
        sections += [frame_table(frames) for frames in frame_figures(answer, explanation, changes)]
        if evidence:
            sections += _evidence(evidence[number])
    write_whole(file, page("What the answer rests on", *sections))


def write_run(file: Path, run: Run, rates: Sequence[Rate]) -> None:
    """A page of a run: its rates and the cases it got wrong. Raises NotWritten."""
    unasked = [result for result in run.results if not result.answered]
    wrong = failures(run)
    rows = [Row(_named(rate), rate.estimate) for rate in rates]
    meanings = [[_named(rate), _value(rate), rate.meaning, f"{rate.estimate.count:,}"] for rate in rates]
    sections = [
        node("p", _told(run, unasked)),
        *([node("p", cut)] if (cut := crop_sentence(run)) else []),
        node("h2", "Rates"),
        wide(svg_intervals(rows)),
        node("p", "Lines are 95 % intervals over cases.", cls="note"),
        table(["rate", "value", "what is counted", "of"], meanings, numbers=[1, 3]),
    ]
    if wrong:
        header = ["case", "asked", "expected", "said", "image dependence (nats)"]
        sections += [
            node("h2", f"Wrong answers ({_counted(wrong)}), the least dependent on the picture first"),
            table(header, [_row(result) for result in wrong[:LISTED]], numbers=[4]),
            node("p", DEPENDENCE, cls="note"),
        ]
    if unasked:
        sections += [
            node("h2", f"Not asked ({_counted(unasked)})"),
            table(["case", "why"], [[result.id, result.problem or ""] for result in unasked[:LISTED]]),
        ]
    write_whole(file, page(f"{run.set_of_cases}: {run.model_name}", *sections))


def _told(run: Run, unasked: Sequence[Result]) -> str:
    """What was asked, of which model, when and how; and what is not in the rates, or only seems to be."""
    settings = ", ".join(f"{name} {value}" for name, value in run.settings.items())
    return (
        f"{counted(len(run.results), 'case')} of {run.set_of_cases}, asked of {run.model_name} ({run.model[:8]}), "
        f"begun {run.about.get('begun', 'at an unknown time')}, {settings or 'no settings'}. {len(unasked):,} could "
        f"not be asked and are not counted. {unread(run):,} answers were not understood by any rule and count as "
        "wrong."
    )


def _counted(results: Sequence[Result]) -> str:
    """How many there are, and how many of them are listed where that is not all."""
    return f"{len(results):,}" + (f", of which {LISTED} are listed" if len(results) > LISTED else "")


def _map(answer: Answer, explanation: Explanation) -> list[Element]:
    method = explainers()[explanation.method]
    parts = [node("h2", method.name)]
    answer = explanation.about(answer)
    if answer.layout.views:
        scores = explanation.scores.numpy()
        shown = [position for view in answer.layout.views for position in view.positions]
        scale = scale_of(scores[shown], signed=method.signed)
        legend = Legend(method.name, (), record_json(answer, [explanation]))
        drawn = svg_map(answer.question.images, answer.layout, scores, scale, OPACITY, legend)
        parts.append(image(drawn, f"{method.name} over the picture"))
    else:
        why = answer.layout.unplaced or "Where the image tokens are in the picture is not known"
        parts.append(node("p", f"{why}.", cls="note"))
    if note := grid_note(answer.layout):
        parts.append(node("p", note, cls="note"))
    if explanation.remark:
        parts.append(node("p", explanation.remark, cls="note"))
    shares = ", ".join(f"{share:.0%} on the {part}" for part, share in told(answer, explanation)["shares"].items())
    chosen = {name: "all" if value is None else value for name, value in explanation.settings.items()}
    settings = ", ".join(f"{name} {value}" for name, value in chosen.items()) or "no settings"
    parts.append(node("p", f"{shares}. {settings}; {explanation.seconds:.2f} s. {caveat_of(method)}", cls="note"))
    return parts


def _evidence(evidence: Evidence) -> list[Element]:
    metrics = map_metrics()
    fill = evidence.fills[0]
    rows = [
        [metrics[key].name, metrics[key].better, *(f"{value:.3f}" for value in (row.tested, row.chance, row.centre))]
        for key, row in figures_beside(evidence, fill).items()
    ]
    said = (
        f"Hidden patches: {FILL_NAMES[fill]}. Areas over {evidence.points} points; random: {random_in_words(evidence)}."
    )
    parts = [node("p", f"Tested: {badge(evidence)}.")]
    parts += [
        wide(svg_lines(_lines(evidence, direction), f"patches {done}", "probability"))
        for direction, done in (("deletion", "taken away"), ("insertion", "shown"))
    ]
    parts.append(table(["metric", "better", "this map", "random", "centre"], rows, numbers=[2, 3, 4]))
    parts.append(node("p", said, cls="note"))
    return parts


def _lines(evidence: Evidence, direction: str) -> list[Line]:
    random = ("one random order", evidence.random[0], True)
    sources = (("this map", evidence.tested, False), random, ("centre", evidence.centre, True))
    return [
        _line(f"{name}, {curve.fill}", curve, dashed)
        for name, result, dashed in sources
        for curve in result.curves
        if curve.direction == direction
    ]


def _line(name: str, curve: Curve, dashed: bool) -> Line:
    return Line(name, curve.shares, curve.values, dashed)


def _named(rate: Rate) -> str:
    return f"{rate.group}: {rate.name}" if rate.group else rate.name


def _value(rate: Rate) -> str:
    share = rate.estimate.value
    return f"{share:.1%}" if math.isfinite(share) else "none"


def _row(result: Result) -> list[str]:
    dependence = "" if result.dependence is None else f"{result.dependence:.2f}"
    return [result.id, result.question, " or ".join(filter(None, result.expected)), result.said, dependence]
