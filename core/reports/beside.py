"""Several answers beside each other: their drawings in one, and one script that makes all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import altair as alt

from ..answer import Answer
from ..charts.still import png_of_svg, still_svg
from .case import Case
from .code import Writer
from .drawing import Drawing
from .registry import renderer
from .script import Setting, model_code, question_code

TITLE, GAP = 26, 16
"""Pixels above a drawing for what it is of, and between two."""
_SIZE = re.compile(r'<svg[^>]*? width="([0-9.]+)"[^>]*? height="([0-9.]+)"')
_ID = re.compile(r'\b(id="|href="#|url\(#)')


@dataclass(frozen=True, eq=False)
class Part:
    """An answer, with what a script about it begins with, and what was computed about it: of which kind, and the case;
    None where all that is told stands in the answer."""

    answer: Answer
    setting: Setting
    made: tuple[str, Case] | None = None


def script_beside(parts: Sequence[Part], ending: Callable[[Writer], Sequence[str]]) -> str:
    """The script that asks for the answers one after the other and computes about each; then comes what is made of all
    `answers` and `results`. Raises CannotBeWritten, with a sentence."""
    write = Writer()
    blocks, model = [], ""
    for number, part in enumerate(parts, 1):
        lines = [f"# Answer {number}"]
        loading = f"model = {model_code(part.setting.model, write)}"
        if loading != model:
            lines.append(model := loading)
        question = question_code(part.answer.question, part.setting.pictures, write)
        lines += [f"question = {question}", "answer = sightline.ask(model, question)"]
        lines += [f"assert answer.text == {write.literal(part.answer.text)}, answer.text", "answers.append(answer)"]
        if part.made is not None:
            kind, case = part.made
            lines += [*renderer(kind).code(case, write).lines, "results.append(result)"]
        blocks.append(lines)
    ended = list(ending(write))
    begun = [["import sightline", *write.imports], ["answers, results = [], []"]]
    return "\n\n".join("\n".join(block) for block in [*begun, *blocks, ended]) + "\n"


@dataclass(frozen=True, eq=False)
class Beside(Drawing):
    """Charts in a row, each below a title, which is untrusted text."""

    charts: Sequence[tuple[str, Callable[[], alt.TopLevelMixin]]]

    @cached_property
    def _svg(self) -> str:
        left, height, drawn = 0.0, 0.0, []
        for number, (title, make) in enumerate(self.charts):
            # What a drawing calls its own parts, another one calls so, too.
            svg = _ID.sub(rf"\g<1>part{number}-", still_svg(make()))
            size = _SIZE.search(svg)
            wide, high = (float(one) for one in size.groups()) if size else (400.0, 400.0)
            drawn.append(
                f'<text x="{left + 8:g}" y="18" font-family="sans-serif" font-size="13">{escape(_plain(title))}</text>'
                f'<svg x="{left:g}" y="{TITLE}" width="{wide:g}" height="{high:g}">{svg}</svg>'
            )
            left, height = left + wide + GAP, max(height, high)
        width, tall = max(left - GAP, 1), height + TITLE
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width:g}" '
            f'height="{tall:g}" viewBox="0 0 {width:g} {tall:g}"><rect width="100%" height="100%" fill="white"/>'
            f"{''.join(drawn)}</svg>"
        )

    def svg(self) -> str:
        return self._svg

    def png(self) -> bytes:
        return png_of_svg(self._svg)


def _plain(text: str) -> str:
    """Text that XML can hold."""
    return "".join(letter for letter in text if letter.isprintable() and not 0xD800 <= ord(letter) <= 0xDFFF)
