"""A mechanism that is a new file and nothing else is a lens of the page: controls, run, stop, figures, files, tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Decoding, Question
from core.errors import SettingsError
from core.mechanisms.registry import mechanisms
from core.mechanisms.results import Curve, Curves, HeadValues, Result
from core.mechanisms.run import Measurement, measure
from core.street.recipe import SceneRecipe
from core.ui.jobs.page import STOPPED
from core.ui.mechanisms import panel
from core.ui.mechanisms.page import PANELS
from core.ui.mechanisms.view import MEASURED
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange
from core.vlm.cancel import Cancelled
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.mechanisms.dropped import A_MECHANISM, dropped
from tests.ui.charts import chart_keys, click, rows, told
from tests.ui.mechanisms import TARGET, App, answered, captions, exchange_of, opened, said, view_of

COMPUTE = "mechanism_compute"
FIGURE = "mechanism_dull_figure"


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Path]:
    """A folder that counts as the package's, with one mechanism in it."""
    (tmp_path / "dull.py").write_text(A_MECHANISM.format(key="dull", caveat='caveat = "Dull *all* over."'))
    with dropped(tmp_path):
        yield tmp_path


def table_of(at: AppTest) -> list[dict[str, Any]]:
    """The cells of the table of figures by layer and place."""
    return [row for row in told(at, "at") if "effect" in row]


def words_of(at: AppTest) -> list[dict[str, Any]]:
    """The cells of the table of words by layer and place."""
    return [row for row in told(at, "1") if "token" in row]


def measured(at: AppTest) -> list[Measurement]:
    """What is kept of mechanisms."""
    return list(view_of(at).results.of(MEASURED).values())


def patches_of(at: AppTest) -> list[dict[str, Any]]:
    """The image tokens with a word on them."""
    return [row for row in told(at, "1") if "row" in row]


def test_panels_are_of_mechanisms_that_there_are() -> None:
    assert set(PANELS) <= set(mechanisms())


def test_a_new_file_is_a_lens_at_its_place_with_its_controls(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "dull")
    lens = at.segmented_control(key="mechanisms_lens")
    assert lens.options[2] == "Dull and even" and lens.options[-1] == "Findings"
    assert "It finds the same in every head." in captions(at)
    assert at.number_input(key=FIGURE).value == 0.5 and at.toggle(key="mechanism_dull_slow").value is False
    assert at.selectbox(key="mechanism_dull_only").options == ["every shape", "heads"]
    assert any("It finds the same in every head" in entry.value for entry in at.markdown), "beside the lenses"
    assert not measured(at), "nothing is computed before somebody asks"


def test_every_shape_is_drawn_with_caveat_and_cost(new: Path, app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange, "dull")
    at.number_input(key=FIGURE).set_value(0.7).run()
    at.button(key=COMPUTE).click().run()
    assert not at.exception and not at.error
    (measurement,) = measured(at)
    assert measurement.settings["figure"] == 0.7
    assert set(chart_keys(at)) == {"mechanism_dull_0_heads", "mechanism_dull_0_ranked"}
    heads = [row for row in rows(at, "mechanism_dull_0_heads") if "value" in row]
    assert len(heads) == 12 and {row["value"] for row in heads} == {0.7}
    length = len(answered(exchange).layout)
    mapped = {row["position"]: row["value"] for row in told(at, "nats") if "position" in row}
    assert len(mapped) == 16 and max(mapped.values()) < 0.7
    table = table_of(at)
    assert {row["group"] for row in table} >= {"all <b>"} and len(table) == 3 * (length - 1 - 16 + 1)
    words = words_of(at)
    assert {row["word"] for row in words} == {"*dull*"} and any(row["token"].startswith("▸") for row in words)
    assert {row["series"] for row in told(at, "layer") if "series" in row} == {"dull", "chance"}
    text = captions(at)
    assert "It is *dull*." in text and "Dull *all* over." in text and "Figure: 0.7 · " in text and " s" in text
    assert "In points." in text and "Sums: " in text and "Dashed: what to compare with." in text


def test_a_map_at_a_layer_follows_its_slider(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "dull")
    at.button(key=COMPUTE).click().run()
    slider = at.select_slider(key="mechanism_dull_2_layer_0_2_3")
    assert slider.value == 1 and list(slider.options) == ["0", "1", "2"]
    slider.set_value(2).run()
    assert not at.exception
    assert {row["value"] for row in told(at, "nats") if "position" in row} >= {0.5}


def test_a_clicked_head_shows_where_it_looks(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "dull")
    at.button(key=COMPUTE).click().run()
    click(at, "mechanism_dull_0_heads", "cell", {"layer": 1, "head": 2})
    assert view_of(at).head == (1, 2) and "Where L1 H2 looks while the target is predicted" in captions(at)
    assert len(measured(at)) == 1, "a click computes nothing anew"


def test_its_map_is_tested(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "dull")
    at.button(key=COMPUTE).click().run()
    at.button(key="evidence_test").click().run()
    assert not at.exception and "emoving its top 20% of patches" in captions(at)
    assert "evidence_forget" not in {button.key for button in at.button}, "it is no explainer's map"


def test_settings_of_before_find_their_figures_again(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "dull")
    at.button(key=COMPUTE).click().run()
    at.selectbox(key="mechanism_dull_only").select("heads").run()
    assert "mechanism_dull_0_heads" not in chart_keys(at)
    at.button(key=COMPUTE).click().run()
    assert "mechanism_dull_0_heads" in chart_keys(at) and not table_of(at)
    assert "evidence_test" not in {button.key for button in at.button}
    at.selectbox(key="mechanism_dull_only").select("every shape").run()
    assert table_of(at) and len(measured(at)) == 2


def test_a_stopped_run_is_said_and_computed_again(
    new: Path, app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava), "dull")

    def stopped(*arguments: object, **named: object) -> object:
        raise Cancelled("the work was stopped")

    with monkeypatch.context() as patched:
        patched.setattr(panel, "measure", stopped)
        at.button(key=COMPUTE).click().run()
    assert STOPPED in said(at) and not measured(at)
    at.button(key=COMPUTE).click().run()
    assert STOPPED not in said(at) and len(measured(at)) == 1


def test_a_long_run_is_watched_with_a_bar_to_its_end(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "dull")
    at.toggle(key="mechanism_dull_slow").set_value(True).run()
    at.button(key=COMPUTE).click().run(timeout=60)
    assert not at.exception and "mechanism_dull_0_heads" in chart_keys(at) and "Slowly: on" in captions(at)


def test_an_obstacle_stands_in_the_place_of_controls(new: Path, app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava, picture=False), "dull")
    assert any("There is no picture to be dull about" in info.value for info in at.info)
    assert COMPUTE not in {button.key for button in at.button}


def test_without_places_there_are_sums_words_and_tables(new: Path, app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    exchange.answer = replace(answer, layout=replace(answer.layout, views=()))
    at = opened(app, exchange, "dull")
    at.button(key=COMPUTE).click().run()
    assert not at.exception and any("so there is no map" in info.value for info in at.info)
    assert table_of(at) and words_of(at) and not patches_of(at) and "Sums: " in captions(at)


def test_of_several_pictures_the_chosen_one_is_drawn(new: Path, app: App, llava: TransformersModel) -> None:
    images = (image_of(SceneRecipe(27)).image, image_of(SceneRecipe(12)).image)
    question = Question("Which?", images, decoding=Decoding(max_new_tokens=4))
    at = opened(app, Exchange(question, (), answer=ask(llava, question)), "dull")
    at.button(key=COMPUTE).click().run()
    assert not at.exception and len(patches_of(at)) == 16


def test_figures_that_a_stop_left_out_are_said_to_be_missing(
    new: Path, app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Curves("Nothing", [Curve("a", [0, 1], np.full(2, np.nan))], "layer")
    some = np.full((3, 4), np.nan)
    some[0, 1] = 0.5
    partial = Result((HeadValues("Some heads", some), nothing), complete=0.25)
    at = opened(app, exchange_of(llava), "dull")
    monkeypatch.setattr(type(mechanisms()["dull"]), "compute", lambda *_, **__: partial)
    at.button(key=COMPUTE).click().run()
    assert not at.exception and "25% of it was done" in captions(at) and "now: L0 H1, 0.5, place 1" in captions(at)
    assert "stopped before there was a point" in captions(at)


def test_what_is_refused_is_said_in_its_words(
    new: Path, app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava), "dull")
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 10)
    at.button(key=COMPUTE).click().run()
    assert "Dull and even needs about" in said(at)


def test_settings_that_do_not_go_together_are_said_at_once(
    new: Path, app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(*_: object) -> None:
        raise SettingsError("Figure and shapes do not go together.")

    monkeypatch.setattr(panel, "settings_form", apart)
    at = opened(app, exchange_of(llava), "dull")
    assert "Figure and shapes do not go together." in said(at) and at.button(key=COMPUTE).disabled


def test_a_figure_that_does_not_fit_is_said_to_its_author(
    new: Path, app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    misshapen = Result((HeadValues("Two heads", np.zeros((1, 2))),))
    at = opened(app, exchange_of(llava), "dull")
    monkeypatch.setattr(type(mechanisms()["dull"]), "compute", lambda *_, **__: misshapen)
    at.button(key=COMPUTE).click().run()
    assert "Two heads: it needs a figure for each layer and head" in said(at)


def test_lenses_of_the_page_can_be_drawn_from_their_registry_alone(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in list(PANELS):
        monkeypatch.delitem(PANELS, key)
        at = opened(app, exchange_of(llava), key)
        at.button(key=COMPUTE).click().run()
        assert not at.exception and not at.error and len(measured(at)) == 1
        assert at.get("vega_lite_chart")


def test_files_hold_every_figure_and_how_it_came_about(new: Path, llava: TransformersModel) -> None:
    from core.mechanisms.run import record
    from core.ui.mechanisms.saving import csv_text, json_text

    answer = answered(exchange_of(llava))
    measurement = measure(mechanisms()["dull"], llava, answer, TARGET)
    about = record(answer, measurement)
    for shape in measurement.result.shapes:
        kept = json.loads(json_text(answer, about, lambda shape=shape: shape.rows(answer)))  # type: ignore[misc]
        assert kept["mechanism"] == "dull" and kept["settings"]["figure"] == 0.5 and len(kept["rows"]) > 1
        lines = csv_text(answer, about, lambda shape=shape: shape.rows(answer)).splitlines()  # type: ignore[misc]
        assert len(lines) == len(kept["rows"]) + 2
