"""The Mechanisms page without a browser: each lens shows what core finds and computes nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Question, Target
from core.cases.findings.finding import Quantity
from core.cases.findings.report import Findings, Report
from core.mechanisms.ablation import ablate, ablation_curves, answer_without_heads
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.corruption import Noise
from core.mechanisms.groups import groups
from core.mechanisms.increase import head_increases, source_increases, top_heads
from core.mechanisms.knockout import answer_with_cut, knockout_curves
from core.mechanisms.lens import lens
from core.mechanisms.tracing import trace
from core.street.recipe import SceneRecipe
from core.ui.mechanisms import cutting, findings, restoring, written
from core.ui.mechanisms.view import Lens, MechanismsView
from core.ui.running import STOPPED
from core.ui.scenes import picture_of
from core.ui.state import Exchange, Workspace
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.loading import ModelSpec
from core.vlm.network import TransformersModel
from core.vlm.units import NotApplicable, units_of
from tests.ui.charts import chart_keys, click, rows, told

App = Callable[..., AppTest]
COMPUTING: tuple[Lens, ...] = (
    "Heads that write the word",
    "What positions say",
    "Cut and see",
    "Take heads away",
    "Trace",
)
TARGET = Target((2,))


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def view_of(at: AppTest) -> MechanismsView:
    return work_of(at).mechanisms


def exchange_of(model: TransformersModel, *, picture: bool = True, tokens: int = 6) -> Exchange:
    shown = picture_of(SceneRecipe(27)) if picture else None
    images = (shown.image,) if shown else ()
    question = Question("What is the house's door?", images, decoding=Decoding(max_new_tokens=tokens))
    return Exchange(question, shown, answer=ask(model, question))


def opened(
    app: App, exchange: Exchange | None, lens: Lens = "Heads that write the word", target: Target | None = TARGET
) -> AppTest:
    """The page about a target, through one lens."""
    at = app("Home.py")
    work = work_of(at)
    work.exchanges = [exchange] if exchange else []
    work.inspect(exchange)
    work.target = target if exchange else None
    work.pointed = work.inspected
    work.mechanisms.lens = lens
    at.switch_page("pages/5_Mechanisms.py").run()
    assert not at.exception and not at.error
    return at


def answered(exchange: Exchange) -> Answer:
    assert exchange.answer is not None
    return exchange.answer


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.text)


def results(view: MechanismsView) -> dict[str, int]:
    """How many results of each kind are kept."""
    return {name: len(list(value)) for name, value in vars(view).items() if hasattr(value, "found")}


def test_without_an_answer_the_page_says_what_to_do(app: App) -> None:
    at = opened(app, None)
    assert any("No answer" in info.value for info in at.info)
    assert not any(results(view_of(at)).values())


def test_without_a_target_it_asks_for_one(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=None)
    assert any("Click a token" in info.value for info in at.info)
    at.button(key="mechanisms_whole").click().run()
    assert work_of(at).target == Target((0, 1, 2, 3, 4, 5)) and "mechanisms_heads" in chart_keys(at)


@pytest.mark.parametrize("lens", COMPUTING)
def test_only_what_is_shown_is_computed(app: App, llava: TransformersModel, lens: Lens) -> None:
    view = view_of(opened(app, exchange_of(llava), lens))
    kinds = {name for name, number in results(view).items() if number}
    assert kinds == {
        "Heads that write the word": {"written", "taken", "readings"},
        "What positions say": {"read"},
        "Cut and see": {"curves"},
        "Take heads away": {"written"},
        "Trace": set(),
    }.get(lens)


def test_heads_have_their_increase_and_a_click_shows_where_they_take_it_from(
    app: App, llava: TransformersModel
) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange)
    found = contributions(llava, answer, units_of(answer, TARGET))
    expected = head_increases(llava, found)[0]
    cells = {(row["layer"], row["head"]): row["value"] for row in rows(at, "mechanisms_heads") if "value" in row}
    assert all(cells[place] == pytest.approx(float(value), abs=1e-5) for place, value in np.ndenumerate(expected))
    first = top_heads(expected, 1)[0]
    assert f"now: L{first[0]} H{first[1]}" in captions(at)
    click(at, "mechanisms_heads", "cell", {"layer": 1, "head": 2})
    taken = source_increases(llava, found, [(1, 2)])[0, 0].numpy()
    patches = {row["position"]: row["value"] for row in told(at, "increase (nats)") if "position" in row}
    assert len(patches) == 16
    assert all(patches[place] == pytest.approx(float(taken[place]), abs=1e-6) for place in patches)
    assert "L1 H2 takes from each position" in captions(at) and view_of(at).head == (1, 2)


def test_the_first_heads_are_summed_and_none_is_read_twice(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange)
    at.segmented_control(key="mechanisms_map").select("the first k heads").run()
    at.number_input(key="mechanisms_k_12").set_value(3).run()
    found = contributions(llava, answer, units_of(answer, TARGET))
    heads = top_heads(head_increases(llava, found)[0], 3)
    summed = source_increases(llava, found, heads)[0].sum(0).numpy()
    patches = {row["position"]: row["value"] for row in told(at, "increase (nats)") if "position" in row}
    assert all(patches[place] == pytest.approx(float(summed[place]), abs=1e-6) for place in patches)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("core.ui.mechanisms.source.source_increases", never)
    monkeypatch.setattr(written, "contributions", never)
    at.number_input(key="mechanisms_k_12").set_value(2).run()
    at.switch_page("Home.py").run()
    at.switch_page("pages/5_Mechanisms.py").run()
    assert not at.exception and "the first 2 heads takes" in captions(at)


def test_attribution_sums_to_the_logit(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange)
    at.segmented_control(key="mechanisms_measure").select("Direct logit attribution").run()
    shares = attribute(llava, contributions(llava, answer, units_of(answer, TARGET)))
    cells = {(row["layer"], row["head"]): row["value"] for row in rows(at, "mechanisms_heads") if "value" in row}
    assert cells[2, 1] == pytest.approx(float(shares.heads[0, 2, 1]), abs=1e-5)
    assert f"is {float(shares.logit[0]):.3f}" in captions(at) and f"sum to {float(shares.logit[0]):.3f}" in captions(at)


def test_another_word_is_asked_about_and_a_split_one_is_told(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange)
    at.text_input(key="mechanisms_word").set_value("zebra-crossing").run()
    assert "is not one token of" in said(at) and "in the place of" in captions(at)
    units = {key[1][1] for key in view_of(at).written.found}  # type: ignore[index]
    assert len(units) == 2
    at.text_input(key="mechanisms_word").set_value("   ").run()
    assert "in the place of" not in captions(at)


def test_a_contrast_and_the_whole_answer_have_heads_too(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange, target=Target((2,), (40,)))
    assert "rather than" in captions(at)
    at = opened(app, exchange, target=Target((0, 1, 2)))
    assert "the mean over 3 tokens" in captions(at)


def test_positions_say_what_the_lens_reads(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "What positions say")
    at.slider(key="mechanisms_layer_3").set_value(0).run()
    positions = [position for view in answer.layout.views for position in view.positions]
    reading = lens(llava, answer, positions, [0])
    patches = [row for row in told(at, "10") if "row" in row]
    assert [row["probability"] for row in patches] == pytest.approx(reading.logprobs[0, :, 0].exp().tolist(), abs=1e-5)
    assert "projected visual embeddings" in captions(at)
    cells = [row for row in told(at, "10") if "token" in row]
    assert {row["layer"] for row in cells} == {0, 1, 2, 3}
    (last,) = {row["probability"] for row in cells if row["layer"] == 3 and row["token"].startswith("▸")}
    assert last == pytest.approx(np.exp(answer.tokens[2].logprob), abs=1e-4)


def test_cuts_have_their_curves_and_a_click_lets_the_model_answer_so(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "Cut and see")
    at.number_input(key="mechanisms_window_3").set_value(1).run()
    cuts = cutting.cuts_of(answer, TARGET)
    assert "last → image" not in cuts and "image → last" in cuts
    expected = knockout_curves(llava, answer, TARGET, [cuts["image → last"]], 1)
    points = [row for row in rows(at, "mechanisms_curves") if row.get("cut") == "image → last"]
    assert [row["change"] for row in points] == pytest.approx(expected.change[0].tolist(), abs=1e-4)
    click(at, "mechanisms_curves", "point", {"cut": "image → last", "first": 1})  # type: ignore[dict-item]
    other = answer_with_cut(llava, answer.question, cuts["image → last"], [1])
    assert [found.answer.text for found in view_of(at).said] == [other.text]
    assert "With layer 1 of image → last cut" in "\n".join(entry.value for entry in at.markdown)
    kept = results(view_of(at))["curves"]
    at.multiselect(key=f"mechanisms_cuts_{'_'.join(cuts)}").set_value(["image → last"]).run()
    assert results(view_of(at))["curves"] == kept, "a way that is there is not cut again"


def test_chosen_heads_are_taken_away_and_the_ranking_is_tested(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "Take heads away")
    at.number_input(key="mechanisms_first_12").set_value(2).run()
    at.button(key="ablate_first").click().run()
    ordered = top_heads(head_increases(llava, contributions(llava, answer, units_of(answer, TARGET)))[0], 12)
    assert view_of(at).ablated == tuple(sorted(ordered[:2]))
    click(at, "mechanisms_ablate", "cell", dict(zip(("layer", "head"), ordered[0], strict=True)))
    assert view_of(at).ablated == (ordered[1],)
    (found,) = (one for one in view_of(at).said if one.change.description.count(".") == 2)
    assert found.answer.text == answer_without_heads(llava, answer.question, [ordered[1]]).text
    np.testing.assert_allclose(found.change.after, ablate(llava, answer, [ordered[1]]).after, atol=1e-5)
    at.button(key="mechanisms_random").click().run()
    (curves,) = view_of(at).ranked
    expected = ablation_curves(llava, answer, TARGET, {"x": ordered}, curves.counts)
    np.testing.assert_allclose(curves.ranked["Log-probability increase"], expected.ranked["x"], atol=1e-4)
    beside = [row for row in told(at, "random heads, mean") if "heads" in row]
    assert [row["heads"] for row in beside] == [1, 2, 4]


def test_a_mean_in_the_place_of_heads_is_another_intervention(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "Take heads away")
    at.button(key="ablate_first").click().run()
    at.segmented_control(key="mechanisms_instead").select("their mean").run()
    assert {found.change.description.split(" by ")[1] for found in view_of(at).said} == {"nothing", "their mean"}


def test_a_trace_shows_total_effect_groups_and_patches(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "Trace")
    at.number_input(key="mechanisms_samples").set_value(2).run()
    at.button(key="trace").click().run()
    (found,) = view_of(at).traces
    images = groups(answer, units_of(answer, TARGET))[0].positions
    places = restoring.places_of(answer, TARGET, restoring.GROUPS)
    expected = trace(llava, answer, TARGET, Noise(images, 3.0, 2), places)
    np.testing.assert_allclose(found.trace.logprob, expected.logprob, atol=1e-4)
    assert f"total effect {expected.total.mean():.3f} ± {expected.total.std():.3f} nats" in captions(at)
    click(at, "mechanisms_trace", "layer", {"layer": 1})
    at.button(key="trace_patches").click().run()
    patches = [row for row in told(at, "effect (nats)") if "position" in row]
    assert len(patches) == 16 and all(np.isfinite(float(str(row["value"]))) for row in patches)
    assert "gives back" in captions(at) and "± " in captions(at)


def test_another_picture_is_a_changed_scene_or_a_blank_one(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "Trace")
    at.segmented_control(key="mechanisms_corrupt_3").select("another picture").run()
    box = next(box for box in at.selectbox if str(box.key).startswith("mechanisms_other_"))
    assert "house" in box.options[0] and "a blank one of its mean colour" in box.options
    at.button(key="trace").click().run()
    box = next(box for box in at.selectbox if str(box.key).startswith("mechanisms_other_"))
    box.select_index(len(box.options) - 1).run()
    at.button(key="trace").click().run()
    assert len({found.trace.total[0] for found in view_of(at).traces}) == 2
    assert "itself, blurred" in captions(at)


def test_words_are_traced_one_by_one(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "Trace")
    at.segmented_control(key="mechanisms_corrupt_3").select("noise on words").run()
    at.segmented_control(key="mechanisms_rows").select("word by word").run()
    at.button(key="trace").click().run()
    (found,) = view_of(at).traces
    names = [place.name for place in found.trace.places]
    assert names[0] == "image" and "1: What" in names and names[-1] == "last"


def test_a_stopped_trace_keeps_what_is_done(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava), "Trace")

    def stopped(*arguments: object, **named: object) -> object:
        cancel, heard = CancelToken(), []

        def stop(done: float) -> None:
            heard.append(done)
            if done > 0.3:
                cancel.cancel()

        return trace(*arguments, **{**named, "cancel": cancel, "progress": stop})  # type: ignore[arg-type]

    monkeypatch.setattr("core.mechanisms.outcome.AT_ONCE", 2)
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "trace", stopped)
        at.button(key="trace").click().run()
    (found,) = view_of(at).traces
    assert 0.3 < found.trace.complete < 0.5 and "of it was done" in captions(at)
    at.button(key="trace").click().run()
    assert [found.trace.complete for found in view_of(at).traces] == [1.0]


def test_what_core_refuses_is_said_in_its_words(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise NotApplicable("Layer 0 of this model cannot be taken apart.")

    monkeypatch.setattr(written, "contributions", refused)
    at = opened(app, exchange_of(llava))
    assert "Layer 0 of this model cannot be taken apart." in said(at)
    monkeypatch.undo()
    at.button(key="again_written").click().run()
    assert "mechanisms_heads" in chart_keys(at) and STOPPED not in said(at)


@pytest.mark.parametrize("lens", COMPUTING)
def test_without_a_picture_every_lens_says_what_still_holds(app: App, llava: TransformersModel, lens: Lens) -> None:
    at = opened(app, exchange_of(llava, picture=False), lens)
    if lens == "Trace":
        at.button(key="trace").click().run()
        assert len(list(view_of(at).traces)) == 1
    elif lens != "Take heads away":
        assert any("without a picture" in info.value for info in at.info)
    assert not at.exception and not at.error and not said(at).count("could not")


@pytest.mark.parametrize("lens", COMPUTING)
def test_image_tokens_without_a_place_have_no_maps(app: App, llava: TransformersModel, lens: Lens) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    exchange.answer = replace(answer, layout=replace(answer.layout, views=()))
    at = opened(app, exchange, lens)
    if lens == "Trace":
        at.button(key="trace").click().run()
        assert "has a place in a picture" in captions(at)
    assert not at.exception and not at.error
    assert not told(at, "share of all patches") and not [row for row in told(at, "10") if "column" in row]


@pytest.mark.parametrize("lens", COMPUTING)
def test_one_token_of_another_family_is_enough(
    app: App, qwen: TransformersModel, qwen_folder: Path, lens: Lens
) -> None:
    exchange = exchange_of(qwen, tokens=1)
    at = app("Home.py")
    work_of(at).spec = ModelSpec(str(qwen_folder), "float32", "cpu")
    work_of(at).exchanges = [exchange]
    work_of(at).inspect(exchange)
    view_of(at).lens = lens
    at.switch_page("pages/5_Mechanisms.py").run()
    if lens == "Trace":
        at.button(key="trace").click().run()
        click(at, "mechanisms_trace", "layer", {"layer": 0})
        at.button(key="trace_patches").click().run()
    elif lens == "Take heads away":
        at.button(key="ablate_first").click().run()
    assert not at.exception and not at.error and "could not" not in said(at)
    assert chart_keys(at) or lens == "What positions say"


def test_of_several_pictures_the_chosen_one_is_drawn(app: App, llava: TransformersModel) -> None:
    images = (picture_of(SceneRecipe(27)).image, picture_of(SceneRecipe(12)).image)
    question = Question("Which?", images, decoding=Decoding(max_new_tokens=4))
    exchange = Exchange(question, None, answer=ask(llava, question))
    at = opened(app, exchange, "What positions say")
    work_of(at).picture_number = 0
    at.run()
    assert len([row for row in told(at, "10") if "row" in row]) == 16
    assert {key[2] for key in view_of(at).read.found} >= {  # type: ignore[index]
        answered(exchange).layout.views[0].positions,
        answered(exchange).layout.views[1].positions,
    }
    at = opened(app, exchange, "Trace")
    at.segmented_control(key="mechanisms_corrupt_3").select("another picture").run()
    at.button(key="trace").click().run()
    assert not at.exception and len(list(view_of(at).traces)) == 1


def test_the_map_is_tested_with_its_badge(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    at.button(key="evidence_test").click().run()
    assert not at.exception and "emoving its top 20 % of patches" in captions(at)
    at.text_input(key="mechanisms_word").set_value("dog").run()
    assert "evidence_test" not in {button.key for button in at.button}, "a word nobody said cannot be tested"


def found(model: TransformersModel) -> Findings:
    """A run with one finding of each verdict."""
    figures = (
        Quantity("share in common", "both", 0.9, 0.8, 1.0, 12, "share"),
        Quantity("share in common", "random", 0.3, float("nan"), float("nan"), 0, "share", control=True),
        Quantity("rank", "colours", 0.5, 0.4, 0.6, 12, "reciprocal rank", at=1.0),
    )
    reports = [
        Report(
            **{
                name: f"{name} {n}"
                for name in ("key", "title", "claim", "paper", "measured", "baseline", "rule", "caveat")
            },
            settings={"top": 10},
            reproduces=verdict,
            because=f"because <b>{n}</b>",
            asked=12,
            used=11,
            seconds=3.0,
            processor=2.0,
            figures=figures,
            heads={"raise *it*": [[0.1, -0.2]]},
        )
        for n, verdict in enumerate((True, False, None))
    ]
    card = model.card
    return Findings(
        "python -m it", card.fingerprint, card.name, "2026-01-02", 200, 60.0, 50.0, {"torch": "2"}, tuple(reports)
    )


def test_findings_are_told_with_verdict_rule_and_figures_also_without_an_answer(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "read_findings", lambda: found(llava))
    at = opened(app, None)
    verdicts = "\n".join(entry.value for entry in at.markdown).replace("\\", "")
    for n, verdict in enumerate(("reproduces here", "does not reproduce here", "cannot be told")):
        assert f"**title {n}**: {verdict}" in verdicts
    assert "because <b>1</b>" in said(at) and "2026-01-02" in captions(at) and "200 scenes" in captions(at)
    assert at.code[0].value == "python -m it" and "rule 0" in verdicts and "caveat 0" in captions(at)
    assert [row["value"] for row in told(at, "share") if "name" in row and "value" in row][:2] == [0.9, 0.3]
    assert [row["at"] for row in told(at, "95 % from")] == [1.0]
    at.selectbox(key="findings_chosen").select("key 2").run()
    assert "rule 2" in "\n".join(entry.value for entry in at.markdown)


def test_findings_of_another_model_are_not_this_ones(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "read_findings", lambda: replace(found(llava), model="another"))
    at = opened(app, exchange_of(llava), "Findings")
    assert any("Nothing has been measured" in info.value for info in at.info)


def test_findings_are_measured_again_with_fewer_scenes_and_put_back(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, int]] = []

    def run(model: TransformersModel, journal: Path, scenes: int, **named: object) -> Findings:
        asked.append((journal.name, scenes))
        return replace(found(model), scenes=scenes)

    monkeypatch.setattr(findings, "read_findings", lambda: found(llava))
    monkeypatch.setattr(findings, "run_findings", run)
    at = opened(app, exchange_of(llava), "Findings")
    at.number_input(key="findings_scenes").set_value(7).run()
    at.button(key="findings_again").click().run()
    assert asked == [(f"{llava.card.fingerprint[:16]}.jsonl", 7)] and "7 scenes" in captions(at)
    at.button(key="findings_back").click().run()
    assert "200 scenes" in captions(at)


def test_files_say_how_their_figures_came_about(llava: TransformersModel) -> None:
    from core.ui.mechanisms.saving import csv_text, json_text

    answer = answered(exchange_of(llava))
    table = [{"layer": 0, "word": "=1+1\n"}, {"layer": 1, "change": -0.5}]
    lines = csv_text(answer, {"method": "x"}, lambda: table).splitlines()
    assert json.loads(lines[0].removeprefix("# "))["method"] == "x"
    assert lines[1:] == ["layer,word,change", '0,"""=1+1\\n""",', "1,,-0.5"]
    assert json.loads(json_text(answer, {"method": "x"}, lambda: table))["rows"] == table
