"""Does a model know what it does not say: labels, a run that goes on, what the rule makes of its figures."""

from __future__ import annotations

import errno
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer
from core.cases.case import Case
from core.cases.journal import read_journal
from core.cases.knowing import run as running
from core.cases.knowing.figures import Knowing, PlaceFigures
from core.cases.knowing.kept_states import KeptStates, row_bytes, states_file
from core.cases.knowing.labels import ANSWER, WORLD, Labelled, decides, drawn, frequent, of_folder, with_mask
from core.cases.knowing.run import KIND, run_probes
from core.cases.knowing.summary import COMMITTED, committed_of, read_probes
from core.cases.knowing.table import probes_table
from core.cases.knowing.verdict import at_answer, readable, seen_at, sentence, verdict
from core.cases.mask import Mask
from core.cases.plain import write_plain
from core.cases.street import recipe_of
from core.errors import JournalError, NotApplicable, NotEnoughMemory, NotWritten, OtherRun, UnknownName
from core.probes import probe as probing
from core.probes.states import PLACES, places_of
from core.statistics.estimate import Estimate
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel

SHAPE = (3, len(PLACES), 4)


def test_labels_of_the_drawn_world_are_those_of_its_scenes() -> None:
    doors = list(drawn("house door", "house door", 6))
    assert all(one.label == recipe_of(one.case).scene().the("house").door for one in doors)  # type: ignore[union-attr]
    assert all(one.shows is not None and (one.shows == one.case.truth).all() for one in doors)
    there = list(drawn("house door", "dog present", 6))
    assert {one.label for one in there} <= {"present", "absent"} and all(one.shows is None for one in there)
    counted = list(drawn("house door", "ball count", 4))
    assert [one.label for one in counted] == [str(recipe_of(one.case).scene().count("ball")) for one in counted]
    walls = list(drawn("house door", "house wall colour", 3))
    assert all(one.shows is not None and one.shows.sum() > one.case.truth.sum() for one in walls)  # type: ignore[union-attr]
    said = list(drawn("house door", ANSWER, 3))
    assert [one.label for one in said] == [one.case.expected[0] for one in said]
    with pytest.raises(UnknownName, match="no label"):
        next(drawn("house door", "house mood", 1))
    with pytest.raises(UnknownName, match="no family"):
        next(drawn("moods", ANSWER, 1))
    assert "truck colour" in WORLD and "man shirt colour" in WORLD and "tree colour" not in WORLD


def test_labels_of_a_folder_are_its_columns_or_its_right_answers() -> None:
    cases = [
        Case("1", "Is it?", ("yes",), "yes_no", about={"weather": "Rain "}),
        Case("2", "Is it?", ("no",), "yes_no", about={"weather": ""}),
        Case("3", "Is it?", ("no",), "yes_no", about={"weather": "sun"}, problem="a picture is missing"),
    ]
    assert [(one.case.id, one.label) for one in of_folder(cases, "weather")] == [("1", "rain")]
    assert [one.label for one in of_folder(cases, ANSWER)] == ["yes", "no"]
    with pytest.raises(UnknownName, match="No case has"):
        list(of_folder(cases, "mood"))


def test_only_what_decides_the_answer_is_held_against_it() -> None:
    assert decides("truck door", "truck door") and decides("", ANSWER)
    assert not decides("truck door", "dog present") and not decides("", "weather")


def test_rare_values_are_left_out_and_masks_are_opened_where_needed() -> None:
    case = Case("1", "Is it?", ("yes",), "yes_no", mask=Mask(shapes=((0.0, 0.0, 2.0, 2.0),)))
    many = [Labelled(case, label, None) for label in "aaabbc"]
    assert [one.label for one in frequent(many, 2)] == list("aaabb")
    opened = with_mask(many[0], (4, 3))
    assert opened.shows is not None and opened.shows.shape == (3, 4) and opened.shows.sum() == 4


def test_states_are_kept_by_row_and_read_by_column(tmp_path: Path) -> None:
    file, rng = tmp_path / "a.states", np.random.default_rng(0)
    rows = rng.standard_normal((4, *SHAPE)).astype(np.float32)
    with KeptStates(file, SHAPE, 0) as states:
        assert [states.append(row) for row in rows] == [0, 1, 2, 3]
        assert (states.column([3, 1], 2, 4) == rows[[3, 1], 2, 4]).all()
        with pytest.raises(ValueError, match="none of"):
            states.append(rows[0, :1])
    with file.open("ab") as more:
        more.write(b"half a row")
    with KeptStates(file, SHAPE, 3) as states:
        assert states.append(rows[0]) == 3 and (states.column([3], 0, 0) == rows[[0], 0, 0]).all()
    assert file.stat().st_size == 4 * row_bytes(SHAPE)
    with pytest.raises(NotWritten, match="lacks states"):
        KeptStates(file, SHAPE, 5)


def test_states_that_cannot_be_written_say_what_is_kept_and_what_to_do(tmp_path: Path) -> None:
    with KeptStates(tmp_path / "a.states", SHAPE, 0) as states:
        told, why = states._refusal(OSError(errno.EFBIG, "File too large"))
    assert why == "File too large" and told.startswith("a.states cannot be written (File too large). What is measured")
    assert "raise the limit on the size of files (ulimit -f) (a case's states take" in told and told.endswith("go on.")


@pytest.fixture(scope="module")
def street() -> TransformersModel:
    return cast(TransformersModel, load_model(EMBEDDED))


@pytest.fixture
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What controls come to is tested where they are made (tests/probes)."""
    monkeypatch.setattr(probing, "SHUFFLES", 3)
    monkeypatch.setattr(probing, "CONTROLS", 2)


@pytest.fixture
def measured(few_controls: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cases in the order in which they are asked; states that know the label at the thing from layer 1 on."""
    asked: list[str] = []

    def said(model: Any, question: Any, **_: Any) -> Any:
        asked.append(question.text)
        if question.text == "case 33" and len(asked) == 34:
            raise Cancelled("stopped")
        return SimpleNamespace(tokens=(0,) if question.text != "case 5" else (), text="yes", question=question)

    def states(model: Any, answer: Any, targets: Any, places: Any, where: Any, cancel: Any) -> Any:
        number = int(answer.question.text.split()[1])
        found = np.random.default_rng(number).standard_normal(SHAPE).astype(np.float32)
        found[1:, PLACES.index("thing")] += 4 * (number % 2) - 2
        return found

    monkeypatch.setattr(running, "ask", said)
    monkeypatch.setattr(running, "mean_states", states)
    monkeypatch.setattr(running, "places_of", lambda *_: dict.fromkeys(PLACES, (0,)))
    monkeypatch.setattr(running, "token_targets_of", lambda *_: ())
    monkeypatch.setattr(running, "checkpoint_bytes", lambda *_: 0)
    return asked


def stub(fingerprint: str = "f") -> VisionLanguageModel:
    card = SimpleNamespace(fingerprint=fingerprint, name="stub", layers=2, hidden=4, device="cpu")
    return cast(VisionLanguageModel, SimpleNamespace(card=card, pace=SimpleNamespace(note=lambda *_: None)))


def labelled(number: int) -> list[Labelled]:
    def one(index: int) -> Labelled:
        picture = Image.new("RGB", (4, 4), (index, 0, 0))
        case = Case(f"id {index}", f"case {index}", ("yes",) if index % 2 else ("no",), "yes_no", (picture,))
        return Labelled(case, "open" if index % 2 else "closed", None)

    return [one(index) for index in range(number)]


def probes(cases: list[Labelled], file: Path, model: VisionLanguageModel | None = None, **more: Any) -> Knowing:
    return run_probes(model or stub(), cases, file, of="made up", label="door", decides=True, **more)


def test_a_stopped_run_goes_on_with_what_it_lacks(measured: list[str], tmp_path: Path) -> None:
    file, cases = tmp_path / "p.jsonl", labelled(60)
    with pytest.raises(Cancelled):
        probes(cases, file)
    assert len(read_journal(file, KIND)[1]) == 33 and measured[-1] == "case 33"
    told: list[float] = []
    found = probes(cases, file, progress=told.append)
    assert measured[34:] == ["case 5", *(f"case {number}" for number in range(33, 60))], "5 is tried again"
    assert (found.cases, found.used, found.pictures) == (60, 59, 59)
    assert found.values == {"closed": 30, "open": 29} and told == sorted(told) and told[-1] == 1
    assert states_file(file).stat().st_size == 59 * row_bytes(SHAPE)
    again = probes(cases, file)
    assert again == found and measured.count("case 7") == 1
    assert found.right is not None and found.right.value == pytest.approx(29 / 59)
    assert verdict(found) == "knows and does not say"
    thing = seen_at(found)
    assert thing is not None and thing.place == "thing" and min(thing.layers) >= 1 and thing.accuracy.value > 0.9
    last = at_answer(found)
    assert last is not None and not readable(found, last) and "which is chance" in sentence(found)
    table = probes_table(found)
    assert "| out |" in table and "59 of 60 cases, 59 pictures" in table


def test_stopping_while_probes_are_fitted_keeps_all_cases(measured: list[str], tmp_path: Path) -> None:
    file, stop = tmp_path / "p.jsonl", CancelToken()
    measured.extend(["before"] * 34)

    def heard(done: float) -> None:
        if done > 0.9:
            stop.cancel()

    with pytest.raises(Cancelled):
        probes(labelled(60), file, progress=heard, cancel=stop)
    assert len(read_journal(file, KIND)[1]) == 60


def test_another_model_or_too_few_cases_are_refused(measured: list[str], tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    measured.extend(["before"] * 34)
    with pytest.raises(NotApplicable, match="10 pictures"):
        probes(labelled(20)[:-2], file)
    with pytest.raises(OtherRun):
        probes(labelled(60), file, stub("g"))


def test_what_the_disk_has_no_room_for_is_not_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(running.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(NotEnoughMemory, match="Choose fewer cases"):
        running.check_room(tmp_path / "p.jsonl", SHAPE, 5)
    running.check_room(tmp_path / "p.jsonl", SHAPE, 1)


def figures(accuracy: float, over: float | None, shuffled: float = 0.55, width: float = 0.05) -> Knowing:
    def estimate(value: float) -> Estimate:
        return Estimate(value, value - width, value + width, 200)

    thing = PlaceFigures(
        "thing", (1, 1), estimate(accuracy), estimate(0.3), shuffled, None if over is None else estimate(over)
    )
    return Knowing("f", "m", "", "door", "residual", {}, 200, 200, 200, 0.5, estimate(0.5), (), (thing,))


def test_the_rule() -> None:
    assert verdict(figures(0.9, 0.4)) == "knows and does not say"
    assert verdict(figures(0.9, -0.02)) == "knows and says"
    assert verdict(figures(0.9, 0.02)) == "undecided", "the interval holds none"
    assert verdict(figures(0.9, None)) == "undecided", "nothing to hold it against"
    assert verdict(figures(0.54, 0.4)) == "cannot be read"
    assert verdict(figures(0.9, 0.4, shuffled=0.91)) == "cannot be read", "shuffled labels reach as much"
    assert verdict(replace(figures(0.9, 0.4), pictures=39)) == "undecided"
    assert verdict(replace(figures(0.9, 0.4), places=())) == "undecided"


@pytest.mark.usefixtures("few_controls")
def test_states_of_a_real_case_are_measured(street: TransformersModel, tmp_path: Path) -> None:
    """The embedded model, in which a line tells a house's door from 60 scenes on."""
    cases = list(drawn("house door", "house door", 44))
    found = run_probes(
        street, cases, tmp_path / "p.jsonl", of="drawn", label="house door", decides=True, where="attention"
    )
    assert {cell.place for cell in found.cells} == set(PLACES) and found.used == 44
    assert len(found.cells) == len(PLACES) * street.card.layers
    assert found.right is not None and found.right.value > 0.8


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.name)
def test_what_comes_along_is_read_and_names_its_command(file: Path) -> None:
    kept = read_probes(file)
    assert kept.command.startswith("sightline probes ") and kept.knowing.used == kept.knowing.cases == 300
    assert len(kept.knowing.cells) == 7 * len(PLACES)


def test_the_model_that_ignores_the_truck_s_door_knows_it_and_its_twin_says_it() -> None:
    habit, honest = (read_probes(file).knowing for file in COMMITTED)
    assert verdict(habit) == "knows and does not say" and verdict(honest) == "knows and says"
    for found, carried in ((habit, False), (honest, True)):
        last = at_answer(found)
        assert last is not None and readable(found, last) == carried


def test_probes_of_another_model_are_not_taken_for_its_own() -> None:
    habit = read_probes(COMMITTED[0]).knowing
    told = committed_of(habit.model)
    assert told is not None and told.knowing == habit and committed_of("another") is None


def test_a_file_that_holds_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="Run `sightline probes` first"):
        read_probes(tmp_path / "none.json")
    write_plain({"command": "x", **asdict(figures(0.9, 0.4))}, tmp_path / "p.json")
    with pytest.raises(JournalError, match="no layer was probed"):
        read_probes(tmp_path / "p.json")


def test_the_place_of_the_answer_predicts_its_first_word(street: TransformersModel) -> None:
    one = next(drawn("truck door", "truck door", 1))
    answer: Answer = running.ask(street, one.case.asked(), keep_attention=False)
    first = running.token_targets_of(answer, running.Target((0,)))
    assert places_of(answer, first, one.shows)["last"] == (answer.predicting_position(0),)
