"""The Case Studies page without a browser: folders good and bad, notes, two models, wordings and the league."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.cases import folder_league, league_file
from core.cases.knowing.summary import COMMITTED, read_probes
from core.cases.known_cause.summary import read_known_cause
from core.cases.notes import Note, notes_file, read_notes
from core.cases.ranking import ranking
from core.cases.results import Result, read_run
from core.cases.runner import RunSettings, run_cases
from core.cases.survey import Correlation
from core.cases.true_effects import kept as kept_effects
from core.errors import NotApplicable, NotSaved
from core.statistics.estimate import Estimate
from core.street.scene import sample
from core.ui.cases import folder, knowing, one_case, story
from core.ui.cases.results import filtered, ordered
from core.ui.cases.survey import said as said_of
from core.ui.cases.view import CasesView
from core.ui.state.workspace import Workspace

App = Callable[..., AppTest]
SECTION = "cases_section"


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results go to a home folder of the test's own; a random model's answers are short, for it never ends one."""
    monkeypatch.setattr(folder, "run_cases", partial(run_cases, settings=RunSettings(max_new_tokens=3)))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def opened(app: App, section: str = "Cases", **state: Any) -> AppTest:
    at = app(None)
    work_of(at).view(CasesView).section = section  # type: ignore[assignment]
    for key, value in state.items():
        at.session_state[key] = value
    at.switch_page("pages/6_Case_Studies.py").run()
    assert not at.exception and not at.error
    return at


def folder_of(path: Path, rows: list[tuple[str, str, str]], columns: str = "image,question,expected") -> Path:
    """A plain folder with two pictures and a table."""
    path.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / f"{number}.png")
    with (path / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.split(","))
        writer.writerows(rows)
    return path


def checked(app: App, path: Path, form: str = "plain") -> AppTest:
    at = opened(app, "Benchmarks from a folder", cases_format=form, cases_folder=str(path))
    at.button(key="cases_check").click().run()
    assert not at.exception and not at.error
    return at


def ran(app: App, path: Path) -> AppTest:
    at = checked(app, path)
    at.button(key="cases_run").click().run()
    assert not at.exception and not at.error
    return at


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.text)


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


THREE = [("0.png", "Is it red?", "yes"), ("1.png", "Is it blue?", "no"), ("gone.png", "Is it there?", "yes")]


# Folders


def test_a_folder_is_checked_run_and_gone_on_with(app: App, tmp_path: Path, home: Path) -> None:
    at = ran(app, folder_of(tmp_path / "mine", THREE))
    assert "“gone.png” is missing" in said(at), "told before it is run"
    [file] = (home / "sightline-results").glob("*.jsonl")
    run = read_run(file)
    assert [result.answered for result in run.results] == [True, True, False]
    assert at.button(key="cases_run").disabled and "All are asked" in at.button(key="cases_run").label
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:2]) + "\n")
    at.run()
    assert "Go on (1 of 3 done)" in at.button(key="cases_run").label
    at.button(key="cases_run").click().run()
    assert len(read_run(file).results) == 3 and file.read_text().splitlines()[1] == lines[1], (
        "the first is not asked again"
    )


@pytest.mark.parametrize(
    ("columns", "rows", "told"),
    [
        ("picture,text,answer", [("0.png", "Is it red?", "yes")], "has no column “image”"),
        ("image,question,expected", [("../../secret.png", "Is it red?", "yes")], "leads out of the folder"),
        ("image,question,expected", [("0.png", "<script>alert(1)</script>", "")], "no expected answer"),
        ("image,question,expected", [], "holds no question"),
    ],
)
def test_a_bad_table_is_told_in_words(
    app: App, tmp_path: Path, columns: str, rows: list[tuple[str, str, str]], told: str
) -> None:
    at = checked(app, folder_of(tmp_path / "bad", rows, columns))
    assert told in said(at)


def test_a_folder_that_is_not_there_is_told_in_words(app: App, tmp_path: Path) -> None:
    assert "cannot be read" in said(checked(app, tmp_path / "nowhere"))
    at = opened(app, "Benchmarks from a folder")
    at.button(key="cases_check").click().run()
    assert "Type the path" in said(at)


def test_another_encoding_is_read_and_told(app: App, tmp_path: Path) -> None:
    path = folder_of(tmp_path / "old", THREE)
    (path / "cases.csv").write_bytes("image;question;expected\n0.png;Ist die Tür grün?;yes\n".encode("cp1252"))
    at = checked(app, path)
    assert "Windows-1252" in said(at)
    assert work_of(at).view(CasesView).benchmark.chosen is not None
    assert work_of(at).view(CasesView).benchmark.chosen.cases[0].question == "Ist die Tür grün?"


def test_ten_thousand_rows_are_checked_and_some_of_them_run(app: App, tmp_path: Path) -> None:
    rows = [(f"{number % 2}.png", f"Is it number {number}?", "yes") for number in range(10_000)]
    at = checked(app, folder_of(tmp_path / "big", rows))
    assert any("10,000 cases" in markdown.value for markdown in at.markdown)
    at.number_input(key="cases_most_10000").set_value(3).run()
    at.button(key="cases_run").click().run()
    assert not at.exception and not at.error
    assert "3 of 10,000 done" in at.button(key="cases_run").label


def test_results_of_another_model_are_not_mixed(app: App, tmp_path: Path, home: Path) -> None:
    at = ran(app, folder_of(tmp_path / "mine", THREE))
    [file] = (home / "sightline-results").glob("*.jsonl")
    lines = file.read_text().splitlines()
    header = json.loads(lines[0])
    header["model"] = "another"
    file.write_text("\n".join([json.dumps(header), lines[1]]) + "\n")
    at.run()
    at.button(key="cases_run").click().run()
    assert not at.exception and not at.error
    assert len(file.read_text().splitlines()) == 2, "nothing is added"
    assert any("another" in text.value or "other" in text.value for text in at.text)


def test_a_case_is_opened_in_an_explorer_and_annotated(app: App, tmp_path: Path, home: Path) -> None:
    at = ran(app, folder_of(tmp_path / "mine", THREE))
    work = work_of(at)
    assert work.view(CasesView).benchmark.chosen is not None
    case = work.view(CasesView).benchmark.chosen.cases[1]
    at.session_state["cases_filter"] = "all"
    work.view(CasesView).benchmark.case = case.id
    at.run()
    [file] = (home / "sightline-results").glob("*.jsonl")
    at.text_area(key=f"note_{notes_file(file)}_{case.id}").set_value("odd <b>one</b>").run()
    at.button(key="save_note").click().run()
    assert read_notes(notes_file(file))[case.id].text == "odd <b>one</b>"
    at.menu_button(key="open_case").click("Causal Graph").run()
    assert not at.exception
    assert at.title[0].value == "Causal Graph"
    assert work.answer is not None and work.answer.question.text == case.question
    assert work.answer.attention is not None


def test_what_is_typed_about_a_case_stays_with_its_results(app: App, tmp_path: Path, home: Path) -> None:
    at = ran(app, folder_of(tmp_path / "mine", THREE))
    benchmark = work_of(at).view(CasesView).benchmark
    assert benchmark.chosen is not None
    at.session_state["cases_filter"] = "all"
    benchmark.case = benchmark.chosen.cases[0].id
    at.run()
    at.text_area[0].set_value("of the first run").run()
    [file] = (home / "sightline-results").glob("*.jsonl")
    other = file.with_name("other.jsonl")
    other.write_bytes(file.read_bytes())
    next(one for one in at.text_input if one.label == "Results file").set_value(str(other)).run()
    assert at.text_area[0].value == ""


def test_a_note_that_cannot_be_saved_is_offered_another_place(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, real = tmp_path / "elsewhere" / "notes.json", one_case.annotate

    def refused(file: Path, case: str, note: Note) -> Any:
        if file != elsewhere:
            raise NotSaved("The note could not be saved there.", elsewhere)
        return real(file, case, note)

    monkeypatch.setattr(one_case, "annotate", refused)
    at = ran(app, folder_of(tmp_path / "mine", THREE))
    work = work_of(at)
    assert work.view(CasesView).benchmark.chosen is not None
    case = work.view(CasesView).benchmark.chosen.cases[0]
    at.session_state["cases_filter"] = "all"
    work.view(CasesView).benchmark.case = case.id
    at.run()
    at.text_area[0].set_value("kept").run()
    at.button(key="save_note").click().run()
    assert "could not be saved" in said(at)
    at.button(key="save_note_there").click().run()
    assert read_notes(elsewhere)[case.id].text == "kept" and "could not be saved" not in said(at)


def results() -> list[Result]:
    figures = [(True, 2.0), (False, 3.0), (False, -1.0), (None, None)]
    return [
        Result(f"c{number}", number, "k", "q", ("yes",), right=right, dependence=dependence, problem=problem)
        for number, ((right, dependence), problem) in enumerate(zip(figures, (None, None, None, "gone"), strict=True))
    ]


def test_failures_come_first_by_how_little_they_depend_on_the_picture() -> None:
    kept = results()
    noted = {"c0": Note("x")}
    assert [one.id for one in filtered(kept, "wrong", noted)] == ["c1", "c2"]
    assert [one.id for one in filtered(kept, "not asked", noted)] == ["c3"]
    assert [one.id for one in filtered(kept, "noted", noted)] == ["c0"]
    assert [one.id for one in ordered(kept, "image dependence, least first")] == ["c2", "c0", "c1", "c3"]
    assert [one.id for one in ordered(kept[::-1], "order of the set")] == ["c0", "c1", "c2", "c3"]


# Two models


def test_two_runs_are_set_beside_each_other(app: App, tmp_path: Path, home: Path) -> None:
    ran(app, folder_of(tmp_path / "mine", THREE))
    [file] = (home / "sightline-results").glob("*.jsonl")
    header, *lines = file.read_text().splitlines()
    turned = [json.loads(line) for line in lines]
    for line in turned:
        line["right"] = None if line["right"] is None else not line["right"]
        line["said"] = "otherwise"
    other = file.with_name("other.jsonl")
    about = json.loads(header) | {"model": "another"}
    other.write_text("\n".join(map(json.dumps, [about, *turned])) + "\n")
    at = opened(app, "Two models", compared_first=str(file), compared_second=str(other))
    assert len(at.dataframe[0].value) == 2, "the cases where they differ"
    assert "2 cases of plain that both were asked" in captions(at)
    at = opened(app, "Two models", compared_first=file.stem, compared_second=other.name)
    assert "2 cases of plain that both were asked" in captions(at), "a file is known by its name, too"
    (home / "sightline-results" / "survey.jsonl").write_text('{"sightline": "survey"}\n')
    at = opened(app, "Two models")
    assert [Path(path).name for path in at.selectbox[0].options] == sorted([file.name, other.name])
    assert "2 results files are in" in captions(at)
    at = opened(app, "Two models", compared_first=str(file), compared_second=str(tmp_path / "gone.jsonl"))
    assert "There is no file" in said(at)


# Wordings


def test_wordings_are_made_from_a_question_and_audited(app: App) -> None:
    at = opened(app, "Phrasing audit")
    box = next(area for area in at.text_area if area.label == "Wordings, one a line")
    assert "Is the truck's door closed?" in box.value.splitlines()
    box.set_value("Is the door open?\nIs the door closed?\n\nIs the door open?").run()
    assert at.button(key="audit_run").label == "Audit 2 wordings", "each once"
    at.button(key="audit_run").click().run()
    assert not at.exception and not at.error
    assert "Contradiction rate" in captions(at)
    assert list(at.dataframe[0].value["wording"]) == ["Is the door open?", "Is the door closed?"]
    assert at.button(key="audit_run").disabled


# League


def test_without_a_league_the_page_says_how_to_run_one(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(league_file, "COMMITTED", tmp_path / "gone.json")
    at = opened(app, "League of methods")
    assert "Run the league" in said(at) and "sightline league --cases 200 --out" in at.code[0].value


def test_the_league_names_what_it_recommends_and_how_it_was_run(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {key: {"value": 0.5} for key in ("deletion", "insertion", "pointing", "energy", "soft_iou")}
    figures |= {key: {"value": 0.5} for key in ("comprehensiveness", "sufficiency")}
    lines = [
        {"case": "a", "family": "count", "said": "x", "method": method, "figures": figures, "processor": 0.1}
        for method in ("relevancy", "raw_attention", "random")
    ]
    model = read_known_cause().known_cause.models["habit"]
    ranked = ranking({"model": model, "about": {"model_name": "tiny"}, "settings": {"steps": 4}}, lines)
    file = tmp_path / "league.json"
    file.write_text(json.dumps(ranked.record("python -m core league --cases 1")))
    assert league_file.read_league_file(file).league.record("x") == ranked.record("x"), "read as it was written"
    monkeypatch.setattr(league_file, "COMMITTED", file)
    at = opened(app, "League of methods")
    assert any("Recommended" in markdown.value for markdown in at.markdown)
    assert at.code[0].value == "python -m core league --cases 1"
    assert "It is of another model than the one in use" in captions(at)
    shown = at.dataframe[0].value
    assert len(shown) == 3
    auroc = shown["Known cause: AUROC ↑"][["Raw attention" in name for name in shown["method"]]].item()
    assert re.fullmatch(r"0\.[0-4]\d \(0\.\d\d–0\.[0-4]\d\)", auroc), "attention cannot tell who looks"
    assert "True effect: redrawing a door" in captions(at)


def test_true_effects_stand_below_the_league_with_chance_and_the_command(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, "League of methods")
    table, limits = (frame.value for frame in at.dataframe[-2:])
    assert {"rank ↑", "found ↑", "less the centre's", "sign ↑"} <= set(table.columns)
    assert "Control: everywhere the same" in set(table["method"])
    assert list(limits["things"]) == ["taken out", "repainted", "swapped"] and "found by chance" in limits
    assert any("sightline true-effects" in code.value for code in at.code)
    monkeypatch.setattr(kept_effects, "COMMITTED", tmp_path / "gone.json")
    at = opened(app, "League of methods")
    assert "Measure true effects first" in said(at)


def test_a_correlation_over_families_is_told_with_what_holds_within_them() -> None:
    pooled, door, house = (
        Correlation("dependence", family, Estimate(value, value - width, value + width, 8, "correlation"))
        for family, value, width in (("", -0.4, 0.2), ("door", 0.5, 0.3), ("house", -0.1, 0.5))
    )
    assert said_of([pooled, door, house]) == (
        "All families together: this speaks for the hypothesis. Within families, of 2 that can tell: 0 for, 1 against, "
        "1 undecided."
    )
    none = Correlation("dependence", "", Estimate(float("nan"), float("nan"), float("nan"), 2, "correlation"))
    assert said_of([none]) == "All families together: this says nothing of the hypothesis yet. No family can tell."


def test_an_answer_that_no_rule_understands_is_decided_once(app: App, tmp_path: Path, home: Path) -> None:
    at = ran(app, folder_of(tmp_path / "mine", [("0.png", "Is it red?", "yes"), ("1.png", "Is it blue?", "no")]))
    [file] = (home / "sightline-results").glob("*.jsonl")
    asked = [button.key for button in at.button if str(button.key).startswith("cases_decide_right")]
    unknown = [result for result in read_run(file).results if not result.understood]
    assert len(asked) == len(unknown) > 0
    at.button(key=asked[0]).click().run()
    assert not at.exception and asked[0] not in [button.key for button in at.button]
    assert [result.right for result in read_run(file).results].count(True) == 1
    assert "Somebody decided about 1 answer" in captions(at)


def test_a_folders_league_runs_is_chosen_and_tells_on_what_it_stands(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))
    folder_ = folder_of(
        tmp_path / "mine", [("0.png", "What is it?", "dog", "0 0 30 30")], "image,question,expected,mask"
    )

    def scored(model: Any, case: Any, methods: Any, *_: Any) -> list[dict[str, Any]]:
        about = {"case": case.id, "family": "plain", "said": "dog", "pass": [1.0, 1.0]}
        figures = {"deletion": {"value": 0.2}, "insertion": {"value": 0.7}, "pointing": {"value": 1.0}}
        return [{**about, "method": key, "figures": figures, "processor": 0.5, "seconds": 0.5} for key in methods]

    monkeypatch.setattr(folder_league, "score_case", scored)
    at = opened(app, "League of methods", league_folder=str(folder_), league_methods=["relevancy"])
    at.button(key="league_run").click().run()
    assert not at.exception and not at.error
    shown = said(at) + captions(at) + "".join(one.value for one in at.markdown)
    assert "Recommended for this model: Relevancy" in shown
    assert "On 1 case of mine, 1 with a mask" in shown and "less than 8 passes of this model" in shown


@pytest.mark.parametrize(("typed", "told"), [("", "Type the path"), ("gone", "cannot be read")])
def test_a_folders_league_without_a_folder_says_what_to_do(app: App, tmp_path: Path, typed: str, told: str) -> None:
    at = opened(app, "League of methods", league_folder=str(tmp_path / typed) if typed else "")
    at.button(key="league_run").click().run()
    assert not at.exception and told in said(at)


def commanded(at: AppTest) -> str:
    """The command that the page tells."""
    return next(code.value for code in at.code if code.value.startswith("sightline "))


def test_remedies_that_come_along_say_whose_they_are_and_which_helps(app: App) -> None:
    at = opened(app, "Remedies")
    assert "are of street-llava, not of the model in use" in captions(at)
    shown = said(at)
    assert "answers are right as they are." in shown and commanded(at).startswith("sightline remedies --street")
    assert "core/" not in commanded(at), "where Sightline is installed nobody has that folder"
    table = next(one.value for one in at.dataframe if "mended" in one.value.columns)
    assert {"p (Holm)", "passes", "verdict"} <= set(table.columns) and len(table) >= 8
    at.selectbox(key="cases_remedies_family").select("truck door").run()
    assert not at.exception and "No remedy helps beyond chance." in said(at)
    assert re.fullmatch(r"\d+\.\d% \[\d+\.\d, \d+\.\d\]", table["right before"][0])
    assert "load_model()" in scripts(at, "run_remedies(")[0]


def test_remedies_are_run_on_a_folder_and_kept_for_the_model(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))
    folder_ = folder_of(tmp_path / "mine", [("0.png", "Is it open?", "yes"), ("1.png", "Is it red?", "no")])
    at = opened(app, "Remedies", cases_remedies_folder=str(folder_), cases_remedies=["open_choice", "image_attention"])
    at.button(key="cases_remedies_run").click().run()
    assert not at.exception and not at.error
    table = next(one.value for one in at.dataframe if "mended" in one.value.columns)
    assert set(table["remedy"]) == {"Asked as an open choice", "More attention to the picture"}
    assert "not of the model in use" not in captions(at) and f'"{folder_}"' in commanded(at)
    at.text_input(key="cases_remedies_folder").set_value(str(tmp_path / "gone")).run()
    at.button(key="cases_remedies_run").click().run()
    assert not at.exception and "cannot be read" in said(at)


# Knowing and saying, and the story


def scripts(at: AppTest, call: str) -> list[str]:
    """The scripts of a page that call this."""
    return [code.value for code in at.code if call in code.value and "import sightline" in code.value]


def test_the_story_is_told_of_whatever_model_is_in_use(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(app, "The truck's door", cases_story_scene=27)
    told, heads = said(at), [one.value for one in at.subheader]
    assert [head[:2] for head in heads] == ["1.", "2.", "3.", "4.", "5."]
    assert "The figures below are of street-llava" in at.info[0].value.replace("\\", "")
    assert "At the door's image tokens" in told and "No remedy helps beyond chance." in told
    monkeypatch.setattr(story, "picture_shares", lambda model, place, scenes, **_: Estimate(0.5, 0.4, 0.6, scenes))
    at.button(key="story_circuits").click().run()
    assert not at.exception and "50.0% [40.0, 60.0] about the truck's" in said(at)
    for call, models in (("run_probes(", 2), ("run_claims(", 2), ("run_remedies(", 1)):
        of = ["honest-twin" in text for text in scripts(at, call)]
        assert of == [False, True][:models], call
    assert at.button(key="story_switch").label == "Ask the honest twin instead"


def test_home_leads_to_the_story(app: App) -> None:
    at = app("Home.py")
    at.button(key="home_story").click().run()
    assert not at.exception and work_of(at).view(CasesView).section == "The truck's door"


def test_a_scene_without_a_truck_is_told(app: App) -> None:
    bare = next(seed for seed in range(100) if sample(seed).the("truck") is None)
    assert f"Scene {bare} has no truck" in captions(opened(app, "The truck's door", cases_story_scene=bare))


def test_drawn_doors_are_probed_and_the_figures_kept(app: App, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_probes(COMMITTED[1]).knowing
    asked: list[Any] = []

    def made_up(model: Any, cases: Any, file: Path, **named: Any) -> Any:
        asked.append((len(cases), named["of"], named["label"], named["decides"]))
        return replace(found, model=model.card.fingerprint, of=named["of"], label=named["label"])

    monkeypatch.setattr(knowing, "run_probes", made_up)
    monkeypatch.setattr(knowing, "drawn", lambda family, label, number: [None] * number)
    at = opened(app, "Knowing and saying", cases_probed_of="house door", cases_probed_scenes=60)
    assert "No figures of this model yet" in captions(at)
    at.button(key="probe_run").click().run()
    assert not at.exception and asked == [(60, "drawn streets: house door", "house door", True)]
    assert "Knows and says." in said(at)
    [kept] = (home / "sightline-results").glob("probes-*.json")
    assert read_probes(kept).command.startswith('sightline probes --family "house door" --cases 60')


def test_a_folder_that_is_open_can_be_probed_for_its_columns(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def refused(model: Any, cases: Any, file: Path, **named: Any) -> Any:
        asked.append((len(cases), named["label"], named["decides"]))
        raise NotApplicable("Too few.")

    monkeypatch.setattr(knowing, "run_probes", refused)
    at = checked(app, folder_of(tmp_path / "mine", THREE))
    at.session_state["cases_probed_of"] = knowing.FOLDER
    work_of(at).view(CasesView).section = "Knowing and saying"
    at.run()
    assert not at.exception
    at.button(key="probe_run").click().run()
    assert asked == [(2, "answer", True)] and "Too few." in "\n".join(
        one.value for one in [*at.text, *at.warning, *at.info]
    )
