"""Claims on both pages that tell them, without a browser: one registry, one verdict, measured again on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from streamlit.testing.v1 import AppTest

from core.claims.figures import Figure
from core.claims.registry import claims
from core.claims.report import Report, Results
from core.claims.verdict import Verdict
from core.statistics.estimate import Estimate, computed
from core.ui.mechanisms.view import MechanismsView
from core.ui.widgets.claims import running, view
from core.ui.widgets.claims import twin as twins
from core.ui.widgets.claims.figures import figure_rows
from core.ui.widgets.claims.view import EXAMPLES, ClaimsView
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from tests.claims.dropped import KEY, NAME, dropped
from tests.ui.charts import told
from tests.ui.mechanisms import App, captions, exchange_of, opened, said, work_of

Open = Callable[[App], AppTest]
VERDICTS: dict[str, Verdict] = {
    "text_over_image": "reproduces",
    "recoloured_shirt": "does not reproduce",
    "search_distance": "undecided",
}


def results_of(model: TransformersModel) -> Results:
    """A run with one claim of each verdict."""
    what = "share in common"
    figures = (
        Figure(what, "both", Estimate(0.9, 0.8, 1.0, 12)),
        Figure(what, "random", computed(0.3, "share"), control=True),
        Figure(what, "in nats", Estimate(4.2, 3.0, 5.0, 12, "nats")),
        Figure("rank", "colours", Estimate(0.5, 0.4, 0.6, 12, "reciprocal rank"), 1.0, "number of heads"),
    )
    reports = [
        Report(
            claims()[key].definition(),
            verdict,
            {f"condition of {key}": verdict},
            f"because <b>{key}</b>",
            wanted=200,
            asked=200,
            used=11,
            seconds=3.0,
            processor=2.0,
            figures=figures,
            heads={"raise *it*": [[0.1, -0.2]]},
        )
        for key, verdict in VERDICTS.items()
    ]
    card = model.card
    return Results(
        "python -m it", card.fingerprint, card.name, "2026-01-02", 60.0, 50.0, {"torch": "2"}, tuple(reports)
    )


def cases(app: App) -> AppTest:
    at = app(None)
    at.switch_page("pages/6_Case_Studies.py").run()
    assert not at.exception and not at.error
    return at


def findings(app: App) -> AppTest:
    return opened(app, None)


def words(at: AppTest) -> str:
    return "\n".join(entry.value for entry in at.markdown).replace("\\", "")


def chosen(at: AppTest, key: str) -> AppTest:
    """The page with another claim in full."""
    for widget in ("case_claim", "findings_chosen"):
        if widget in at.session_state:
            at.session_state[widget] = key
    work_of(at).view(ClaimsView).chosen = key
    at.run()
    assert not at.exception and not at.error
    return at


@pytest.fixture
def committed(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> Results:
    """What comes with Sightline is about the model of these tests."""
    results = results_of(llava)
    monkeypatch.setattr(view, "committed_results", lambda fingerprint: results)
    return results


@pytest.fixture
def dropped_in(tmp_path: Path) -> Iterator[None]:
    """A claim more, in a file of its own."""
    with dropped(tmp_path):
        yield


@pytest.mark.parametrize("page", [cases, findings])
@pytest.mark.parametrize(("key", "verdict"), VERDICTS.items())
def test_both_pages_tell_one_verdict_with_its_rule_and_figures(
    app: App, committed: Results, page: Open, key: str, verdict: str
) -> None:
    at, claim = chosen(page(app), key), claims()[key]
    assert f"**{verdict.capitalize()}.**" in words(at)
    assert claim.says in words(at) and claim.rule in words(at) and claim.control in words(at)
    assert claim.caveat in captions(at) and claim.link in captions(at) and f"condition of {key}" in captions(at)
    assert f"because <b>{key}</b>" in said(at) and "11 of the scenes could be used" in captions(at)
    assert {row["value"] for row in told(at, "share") if "name" in row} == {0.9, 0.3}, "nats have an axis of their own"
    assert {row["value"] for row in told(at, "nats") if "name" in row} == {4.2}
    assert [row["at"] for row in told(at, "number of heads")] == [1.0]
    assert any(f'200, ["{key}"]' in code.value for code in at.code), "the script measures this claim on as many scenes"


def test_all_numbers_of_a_claim_are_in_its_table(committed: Results) -> None:
    report = committed.reports[0]
    rows = figure_rows(report.figures, report.heads)
    assert [row["value"] for row in rows] == [0.9, 0.3, 4.2, 0.5, 0.1, -0.2]
    assert [row["of"] for row in rows][-2:] == ["layer 0, head 0", "layer 0, head 1"]


def test_findings_list_every_claim_with_its_verdict(app: App, committed: Results) -> None:
    at = findings(app)
    for key, claim in claims().items():
        assert f"**{claim.name}**: {VERDICTS.get(key, 'not measured yet')}" in words(at)
    assert at.code[0].value == "python -m it" and "2026-01-02" in captions(at)


@pytest.mark.parametrize("page", [cases, findings])
def test_a_claim_that_was_dropped_in_is_told_and_measured(
    app: App, committed: Results, dropped_in: None, page: Open
) -> None:
    at = chosen(page(app), KEY)
    assert "**Not measured yet.**" in words(at) and "Every number is one." in words(at)
    at.number_input(key=f"scenes_{KEY}").set_value(12).run()
    at.button(key="run_claim").click().run()
    assert "**Reproduces.**" in words(at) and "12 numbers." in said(at)
    if page is findings:
        assert f"**{NAME}**: reproduces" in words(at)


def test_what_is_measured_on_one_page_holds_on_the_other(app: App, committed: Results, dropped_in: None) -> None:
    at = chosen(cases(app), KEY)
    at.button(key="run_claim").click().run()
    work_of(at).view(MechanismsView).lens = "findings"
    at.switch_page("pages/5_Mechanisms.py").run()
    assert f"**{NAME}**: reproduces" in words(at)


def test_a_claim_is_measured_again_gone_on_with_and_put_back(
    app: App, llava: TransformersModel, committed: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int, list[str]]] = []

    def run(model: TransformersModel, journal: Path, scenes: int, keys: list[str], **named: object) -> Results:
        asked.append((journal.name, scenes, keys))
        [report, *_] = committed.reports
        again = replace(report, asked=scenes, wanted=scenes, verdict="undecided")
        return replace(committed, reports=(again,))

    monkeypatch.setattr(running, "run_claims", run)
    at = cases(app)
    at.number_input(key="scenes_text_over_image").set_value(7).run()
    at.button(key="run_claim").click().run()
    assert asked == [(f"{llava.card.fingerprint[:16]}.jsonl", 7, ["text_over_image"])]
    assert "**Undecided.**" in words(at) and "7 scenes" in captions(at) and at.button(key="run_claim").disabled
    at.number_input(key="scenes_text_over_image").set_value(9).run()
    assert at.button(key="run_claim").label == "Go on to 9 scenes"
    at.button(key="claim_back").click().run()
    assert "**Reproduces.**" in words(at) and "200 scenes" in captions(at)


def test_all_claims_are_measured_again_and_put_back(
    app: App, llava: TransformersModel, committed: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(model: TransformersModel, journal: Path, scenes: int, keys: list[str], **named: object) -> Results:
        assert keys == list(claims())
        return replace(committed, reports=tuple(replace(one, asked=scenes) for one in committed.reports))

    monkeypatch.setattr(running, "run_claims", run)
    at = opened(app, exchange_of(llava), "findings")
    at.number_input(key="findings_scenes").set_value(7).run()
    at.button(key="findings_again").click().run()
    assert "7 scenes, stopped before the end" in captions(at)
    at.button(key="findings_back").click().run()
    assert "11 of the scenes could be used" in captions(at)


def test_scenes_are_counted_and_those_that_are_measured_take_no_time(committed: Results) -> None:
    known = [claims()[key] for key in VERDICTS]
    model = Mock(card=Mock(fingerprint=committed.model))
    told = running.expected(ClaimsView(), model, known, 50)
    assert (told.count, told.words) == (150, "about 2 s; 150 scenes")  # 200 took 3 s, of each of three
    here = ClaimsView()
    here.keep(replace(committed, reports=tuple(replace(report, asked=40) for report in committed.reports)))
    assert running.expected(here, model, known, 40).seconds == 0


def test_nothing_that_was_measured_of_another_model_is_told_of_this_one(app: App, llava: TransformersModel) -> None:
    at = findings(app)
    assert any("Nothing has been measured" in info.value for info in at.info)
    assert all(f"**{claim.name}**: not measured yet" in words(at) for claim in claims().values())


def test_a_run_shows_its_answers_and_they_open_in_an_explorer(app: App) -> None:
    at = chosen(cases(app), "recoloured_shirt")
    at.number_input(key="scenes_recoloured_shirt").set_value(1).run()
    at.button(key="run_claim").click().run()
    work = work_of(at)
    [examples] = work.results.of(EXAMPLES).values()
    at.menu_button(key="open_recoloured_shirt_1").click("Relevancy").run()
    assert not at.exception
    assert work.answer is examples[1].answer and work.target == examples[1].target
    assert work.image is not None and work.image.recipe == examples[1].recipe
    assert at.title[0].value == "Relevancy"


def test_answers_are_shown_without_a_run(app: App) -> None:
    at = chosen(cases(app), "shared_heads")
    at.button(key="claim_examples").click().run()
    titles = ("asked of the picture", "asked of sentences")
    assert all(f"**{title}**" in words(at) for title in titles)
    assert "**Not measured yet.**" in words(at)


def test_an_embedded_model_and_its_twin_are_asked_the_same_and_shown_beside_each_other(
    app: App, tiny: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(tiny, device="cpu" if tiny.device != "cpu" else "auto")
    monkeypatch.setattr(twins, "EMBEDDED_MODELS", {"embedded": tiny, "honest-twin": other})
    monkeypatch.setattr(twins, "_label", lambda spec: "the honest twin")
    at = chosen(cases(app), "text_over_image")
    at.button(key="claim_twin").click().run()
    assert not at.exception and not at.error
    measured = work_of(at).results.of(EXAMPLES)
    kept = {key[0]: examples for key, examples in measured.items() if isinstance(key, tuple)}
    own, others = (
        next(value for key, value in kept.items() if key.startswith("beside ") is side) for side in (False, True)
    )
    assert [one.answer.question.text for one in own] == [one.answer.question.text for one in others]
    assert "**the honest twin**" in words(at) and "claim_twin" not in {button.key for button in at.button}


def test_a_model_that_has_no_twin_is_asked_alone(app: App) -> None:
    at = chosen(cases(app), "text_over_image")
    assert "claim_twin" not in {button.key for button in at.button}
