"""A run and all that there is of it as one file: the report, the figures, their numbers, their scripts, and a program
that computes them again.

    bundle.json, run/       the run, as `runs export` writes it; this alone is taken in elsewhere
    report.html             the report
    figures/, numbers/      each figure as SVG and PNG, its numbers as CSV and NPZ
    scripts/                the code of each result; reproduce.py computes all of them and compares
    references.bib, README.txt
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..answer import Question
from ..runs.bundle import Add, export_bundle
from ..runs.manifest import KeptModel
from ..runs.pictures import picture_name
from ..runs.run import Run
from ..vlm.cancel import CancelToken
from .citations import bibtex, cited, own
from .code import CannotBeWritten, Writer
from .collect import Item
from .report import DrawnTurn, drawn, page_of
from .script import Setting, model_code, script, steps

Progress = Callable[[float], None]
INSIDE = "run/pictures"
README = """This bundle was written by Sightline.

report.html    questions, answers and every figure with its caption and settings; opens in a browser, prints
figures/       each figure as SVG and as PNG
numbers/       the numbers of each figure as CSV and as NPZ
scripts/       the code that makes each figure; to be run in this folder: python scripts/NAME.py
reproduce.py   computes all of them again and compares: python reproduce.py (exit code 1 where something differs)
run/           the run itself: sightline open BUNDLE.zip
references.bib the methods

A model that was loaded from a folder is called by the name of that folder alone: put it beside reproduce.py.

Programs from elsewhere do whatever they say: read scripts and reproduce.py before you run them, or let your own
Sightline write them anew (sightline runs import BUNDLE.zip, then sightline bundle RUN).
"""


def write_bundle(
    run: Run, file: Path, *, progress: Progress = lambda done: None, cancel: CancelToken | None = None
) -> None:
    """Write everything, whole or not at all. Raises NotWritten, RunDamaged and Cancelled."""
    turns = drawn(run, progress=lambda done: progress(0.7 * done), cancel=cancel)

    def more(add: Add) -> None:
        add("report.html", page_of(run, turns))
        add("README.txt", README.encode())
        _figures(turns, add, lambda done: progress(0.7 + 0.3 * done), cancel)
        program = Program()
        for turn in turns:
            for item in turn.items:
                program.take(turn, item)
        add("reproduce.py", program.text().encode())
        methods = [text for turn in turns for item in turn.items for figure in item.figures for text in figure.methods]
        add("references.bib", ("\n\n".join(bibtex(one) for one in (*cited(methods), own())) + "\n").encode())

    export_bundle(run, file, more)
    progress(1.0)


def pictures_inside(question: Question) -> tuple[str, ...]:
    """Code for the pictures of a question as they lie in a bundle."""
    write = Writer()
    return tuple(write.literal(f"{INSIDE}/{picture_name(image)}.png") for image in question.images)


def _figures(turns: list[DrawnTurn], add: Add, progress: Progress, cancel: CancelToken | None) -> None:
    items = [(turn, item) for turn in turns for item in turn.items if item.figures]
    number = 0
    for done, (turn, item) in enumerate(items, 1):
        first = number + 1
        for figure in item.figures:
            if cancel is not None:
                cancel.check()
            number += 1
            name = f"{number:03}-{item.kind}"
            if figure.drawing is not None:
                add(f"figures/{name}.svg", figure.drawing.svg().encode())
                add(f"figures/{name}.png", figure.drawing.png())
            add(f"numbers/{name}.csv", figure.csv())
            add(f"numbers/{name}.npz", figure.npz())
        if item.script is not None and item.case is not None and turn.report.turn is not None:
            inside = Setting(turn.report.model, pictures_inside(turn.report.turn.question))
            add(f"scripts/{first:03}-{item.kind}.py", script(item.kind, item.case, inside).encode())
        progress(done / len(items))


@dataclass
class Program:
    """`reproduce.py` as it is put together. Whatever people, models and files said stands in it as literals."""

    functions: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    left_out: int = 0

    def take(self, turn: DrawnTurn, item: Item) -> None:
        """Add the steps of a result, where there are some."""
        if item.case is None or turn.report.turn is None:
            return
        try:
            code, imports = steps(item.kind, item.case, Setting())
        except CannotBeWritten:
            self.left_out += 1
            return
        made_by = item.case.answer.model
        self._model(made_by, turn.report.model)
        number = len(self.functions) + 1
        lines = [*imports, *code.lines, "return result"]
        body = "\n".join(_indented(line) for line in lines)
        self.functions.append(f"def result_{number}(model, answer):\n{body}\n")
        write = Writer()
        place = [turn.report.summary.id, item.kind, None if item.kept is None else item.kept.name]
        arguments = ", ".join(
            [*map(write.literal, place), f"result_{number}", repr(code.tolerance), repr(code.rounding)]
        )
        self.entries.append(f"    Step({arguments}),")

    def _model(self, made_by: str, model: KeptModel | None) -> None:
        if made_by not in self.models:
            write = Writer()
            self.models[made_by] = f"    {write.literal(made_by)}: lambda: {model_code(model, write)},"

    def text(self) -> str:
        """The whole program."""
        left = f"\nOf {self.left_out} more results no code makes them again.\n" if self.left_out else ""
        head = (
            '"""Computes the figures of this bundle again, and compares them with those that are kept.\n\n'
            "    python reproduce.py\n\n"
            "It needs Sightline and the model that answered; the exit code is 1 where a figure differs more than\n"
            f'rounding explains.\n{left}"""\n\n'
            "import sightline\n"
            "from sightline.reports.reproducing import Step, main\n"
        )
        models = "MODELS = {\n" + "\n".join(self.models.values()) + "\n}"
        listed = "STEPS = [\n" + "\n".join(self.entries) + "\n]"
        end = 'if __name__ == "__main__":\n    raise SystemExit(main(MODELS, STEPS))\n'
        return "\n\n".join([head, *self.functions, models, listed, end])


def _indented(line: str) -> str:
    """A line of code, which may have several, within a function. Literals hold no line breaks of their own."""
    return re.sub(r"(?m)^(?=.)", "    ", line)
