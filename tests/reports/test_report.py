"""A report stands alone, has every figure, needs no model, and lets nothing in that anybody says."""

from __future__ import annotations

import io
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Question
from core.errors import RunError, WrongOption
from core.reports import reproducing
from core.reports.bundle import write_bundle
from core.reports.case import Case
from core.reports.collect import turns
from core.reports.figure import Figure
from core.reports.report import report, write_report
from core.runs.bundle import import_bundle
from core.runs.kinds import EXPLANATION, HEAD_INCREASES, RunKind
from core.runs.run import Run
from core.runs.store import RunStore
from core.runs.turns import Exchange, Source
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from tests.reports.made import Kept
from tests.reports.test_scripts import HOSTILE, here
from tests.runs.examples import Drawn

ALONE = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "span", "div", "section"}
ALONE |= {"table", "tr", "th", "td", "img", "figure", "figcaption", "details", "summary", "pre", "code", "ul", "li"}


class Page(HTMLParser):
    """Elements, addresses and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.said)


@pytest.fixture
def full(run: Run, answer: Answer, results: list[Kept]) -> Run:
    """With a result of every kind."""
    for kind, about, result in results:
        run.keep(kind, answer, about, result, 0.1)
    return run


def test_a_report_has_every_figure_and_stands_alone(
    full: Run, results: list[Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    full.close()
    with RunStore(tmp_path / "data").open(full.id, only_look=True) as opened:
        write_report(opened, tmp_path / "report.html", progress=told.append)
        figures = [figure for turn in turns(opened) for item in turn.items() for figure in item.figures]
        assert opened.damage == []
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags <= ALONE and "<!doctype html>" in text and "default-src 'none'" in text
    assert all(address.startswith(("data:image/png;", "data:image/svg+xml;")) for address in page.addresses)
    assert len(figures) > len(results) and all(figure.title in page.text for figure in figures)
    assert text.count("The code that makes this") == len(results) + 1
    assert "No script makes" not in page.text and "does not fit" not in page.text
    for said in ("The house is orange.".split()[-2], "@inproceedings{meng2022locating", "transformers", "greedy"):
        assert said in page.text
    assert told == sorted(told) and told[-1] == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_said_is_markup(text: str, tmp_path: Path) -> None:
    drawn = Drawn()
    answer: Answer = drawn.value(Answer)
    with RunStore(tmp_path).create(text) as run:
        run.note(text)
        question = Question(f"<img src=x onerror=alert(1)>{text}", answer.question.images)
        run.add(Exchange(question, None, (Source(text, text), Source(f"<i>{text}")), trouble=f"<b>{text}"))
        run.add(Exchange(answer.question, answer, replay=text))
        page = Page(report(run).decode())
    assert page.tags <= ALONE and "<img src=x onerror" in page.text


def test_a_result_that_does_not_fit_is_told_and_the_rest_is_there(run: Run, answer: Answer) -> None:
    run.keep(HEAD_INCREASES, answer, {"target": "x"}, np.zeros((0, 0), np.float32))
    run.keep(RunKind[tuple[int, ...]]("later", tuple[int, ...]), answer, {}, (1,))
    page = Page(report(run).decode())
    assert "1 more result of this answer that only the pages show" in page.text and "Attention sinks" not in page.text


def test_a_stopped_report_leaves_what_was_there(full: Run, tmp_path: Path) -> None:
    file, cancel = tmp_path / "report.html", CancelToken()
    file.write_text("before")
    cancel.cancel()
    with pytest.raises(Cancelled):
        write_report(full, file, cancel=cancel)
    assert file.read_text() == "before"


def test_a_bundle_is_taken_in_and_computed_again(
    run: Run,
    answer: Answer,
    results: list[Kept],
    street: TransformersModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for kind, about, result in results:
        if kind.name in ("explanation", "knockout", "sinks", "reasked"):
            run.keep(kind, answer, about, result)
    file, folder = tmp_path / "b.zip", tmp_path / "unpacked"
    write_bundle(run, file)
    _, damage = import_bundle(RunStore(tmp_path / "elsewhere"), file)
    assert damage == ()
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        archive.extractall(folder)
    assert {"report.html", "reproduce.py", "references.bib", "README.txt", "figures/001-attention_rows.png"} < {*names}
    arrays = np.load(folder / "numbers" / "003-explanation.npz", allow_pickle=False)
    [explanation] = [result for kind, _, result in results if kind.name == "explanation"]
    assert np.array_equal(arrays["values"], explanation.scores.numpy())
    assert Image.open(folder / "figures" / "003-explanation.png").width > 300
    picture = re.search(r'images=\["(run/pictures/\w{64}\.png)"\]', (folder / "scripts/003-explanation.py").read_text())
    assert picture is not None and (folder / picture[1]).exists()

    def computed_again() -> int:
        program = here((folder / "reproduce.py").read_text())
        names = {"__name__": "program"}
        monkeypatch.setattr("sys.argv", [str(folder / "reproduce.py")])
        exec(compile(program, "reproduce.py", "exec"), names)
        return names["main"](dict.fromkeys(names["MODELS"], lambda: street), names["STEPS"])

    assert computed_again() == 0
    told = capsys.readouterr().out
    assert "All figures are as they were kept." in told and "DIFFERS" not in told and told.count("same") > 8
    # What was kept is another's now: it is told, and the exit code says so.
    moved = reproducing.case_of

    def other(kept: object, answer: Answer) -> Case:
        case = moved(kept, answer)  # type: ignore[arg-type]
        if kept.what.kind == EXPLANATION.name:  # type: ignore[attr-defined]
            case.result.scores[20] += 0.1
        return case

    monkeypatch.setattr(reproducing, "case_of", other)
    assert computed_again() == 1 and "DIFFERS" in capsys.readouterr().out
    with pytest.raises(RunError):
        reproducing.reproduce(tmp_path / "nowhere", {}, [])


def test_a_figure_is_saved_as_its_ending_says(tmp_path: Path) -> None:
    figure = Figure("=1+1", "Caption.", {"an array": np.arange(3)}, rows=[{"word": "=1+1", "value": 0.5}])
    figure.save(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0].startswith('# {"title"') and lines[1:] == ["word,value", '"""=1+1""",0.5']
    figure.save(str(tmp_path / "a.npz"))
    assert np.array_equal(np.load(io.BytesIO((tmp_path / "a.npz").read_bytes()))["an_array"], np.arange(3))
    for name in ("a.svg", "a.pdf", "a"):
        with pytest.raises(WrongOption):
            figure.save(tmp_path / name)
    assert not (tmp_path / "a.svg").exists()
