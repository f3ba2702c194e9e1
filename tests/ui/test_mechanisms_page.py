"""The Mechanisms page without a browser: each lens shows what core finds and computes nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.answer import Decoding, Question, Target
from core.errors import NotApplicable
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.lens import lens
from core.mechanisms.logprob_increase import head_increases, source_increases, top_heads
from core.street.recipe import SceneRecipe
from core.ui.jobs.page import STOPPED
from core.ui.mechanisms import written
from core.ui.mechanisms.view import INCREASES, READ, TRACES
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from core.vlm.targets import token_targets_of
from tests.ui.charts import chart_keys, click, rows, told
from tests.ui.mechanisms import (
    COMPUTING,
    TARGET,
    App,
    answered,
    captions,
    exchange_of,
    opened,
    results,
    said,
    view_of,
    work_of,
)


def test_without_an_answer_the_page_says_what_to_do(app: App) -> None:
    at = opened(app, None)
    assert any("No answer" in info.value for info in at.info)
    assert not any(results(view_of(at)).values())


@pytest.mark.parametrize("lens", COMPUTING)
def test_only_what_is_shown_is_computed(app: App, llava: TransformersModel, lens: str) -> None:
    view = view_of(opened(app, exchange_of(llava), lens))
    kinds = {name for name, number in results(view).items() if number}
    assert kinds == {
        "head_contributions": {"CONTRIBUTED", "INCREASES", "TAKEN", "HEAD_READINGS"},
        "logit_lens": {"READ"},
        "attention_knockout": {"CURVES"},
        "head_ablation": {"CONTRIBUTED", "INCREASES"},
        "causal_tracing": set(),
    }.get(lens)


def test_heads_have_their_increase_and_a_click_shows_where_they_take_it_from(
    app: App, llava: TransformersModel
) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange)
    contributed = contributions(llava, answer, token_targets_of(answer, TARGET))
    expected = head_increases(llava, contributed)[0]
    cells = {(row["layer"], row["head"]): row["value"] for row in rows(at, "mechanisms_heads") if "value" in row}
    assert all(cells[place] == pytest.approx(float(value), abs=1e-5) for place, value in np.ndenumerate(expected))
    first = top_heads(expected, 1)[0]
    assert f"now: L{first[0]} H{first[1]}" in captions(at)
    click(at, "mechanisms_heads", "cell", {"layer": 1, "head": 2})
    taken = source_increases(llava, contributed, [(1, 2)])[0, 0].numpy()
    patches = {row["position"]: row["value"] for row in told(at, "increase (nats)") if "position" in row}
    assert len(patches) == 16
    assert all(patches[place] == pytest.approx(float(taken[place]), abs=1e-6) for place in patches)
    assert "L1 H2 takes from each patch" in captions(at) and view_of(at).head == (1, 2)
    parts = re.findall(r"([a-z ]+) ([+-][0-9.]+)[,.]", captions(at).split("Sums:")[1].split("What heads")[0])
    assert parts[-1][0] == " the predicting position itself"
    assert sum(float(value) for _, value in parts) == pytest.approx(float(taken.sum()), abs=0.003)
    at.switch_page("Home.py").run()
    at.switch_page("pages/5_Mechanisms.py").run()
    assert "L1 H2 takes from each patch" in captions(at)
    click(at, "mechanisms_heads", "cell", {"layer": 1, "head": 2})
    assert view_of(at).head is None and "the first 5 heads take" in captions(at)


def test_the_first_heads_are_summed_and_none_is_read_twice(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange)
    at.number_input(key="mechanisms_k_12").set_value(3).run()
    contributed = contributions(llava, answer, token_targets_of(answer, TARGET))
    heads = top_heads(head_increases(llava, contributed)[0], 3)
    summed = source_increases(llava, contributed, heads)[0].sum(0).numpy()
    patches = {row["position"]: row["value"] for row in told(at, "increase (nats)") if "position" in row}
    assert all(patches[place] == pytest.approx(float(summed[place]), abs=1e-6) for place in patches)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("core.ui.mechanisms.source.source_increases", never)
    monkeypatch.setattr(written, "contributions", never)
    at.number_input(key="mechanisms_k_12").set_value(2).run()
    at.switch_page("Home.py").run()
    at.switch_page("pages/5_Mechanisms.py").run()
    assert not at.exception and "the first 2 heads take" in captions(at)


def test_attribution_sums_to_the_logit(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange)
    at.segmented_control(key="mechanisms_measure").select("Direct logit attribution").run()
    shares = attribute(llava, contributions(llava, answer, token_targets_of(answer, TARGET)))
    cells = {(row["layer"], row["head"]): row["value"] for row in rows(at, "mechanisms_heads") if "value" in row}
    assert cells[2, 1] == pytest.approx(float(shares.heads[0, 2, 1]), abs=1e-5)
    assert f"is {float(shares.logit[0]):.3f}" in captions(at) and f"sum to {float(shares.logit[0]):.3f}" in captions(at)


def test_another_word_is_asked_about_and_a_split_one_is_told(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange)
    at.text_input(key="mechanisms_word").set_value("zebra-crossing").run()
    assert "is not one token of" in said(at) and "in the place of" in captions(at)
    token_targets = {key[1][1] for key in view_of(at).results.of(INCREASES)}  # type: ignore[index]
    assert len(token_targets) == 2
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
    at = opened(app, exchange, "logit_lens")
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
def test_without_a_picture_every_lens_says_what_still_holds(app: App, llava: TransformersModel, lens: str) -> None:
    at = opened(app, exchange_of(llava, picture=False), lens)
    if lens == "causal_tracing":
        at.button(key="trace").click().run()
        assert len(list(view_of(at).results.of(TRACES))) == 1
    elif lens != "head_ablation":
        assert any("without a picture" in info.value for info in at.info)
    assert not at.exception and not at.error and not said(at).count("could not")


@pytest.mark.parametrize("lens", COMPUTING)
def test_image_tokens_without_a_place_have_no_maps(app: App, llava: TransformersModel, lens: str) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    exchange.answer = replace(answer, layout=replace(answer.layout, views=()))
    at = opened(app, exchange, lens)
    if lens == "causal_tracing":
        at.button(key="trace").click().run()
        assert "has a place in a picture" in captions(at)
    assert not at.exception and not at.error
    assert not told(at, "share of all patches") and not [row for row in told(at, "10") if "column" in row]


@pytest.mark.parametrize("lens", COMPUTING)
def test_one_token_of_another_family_is_enough(app: App, qwen: TransformersModel, qwen_folder: Path, lens: str) -> None:
    exchange = exchange_of(qwen, tokens=1)
    at = app(None)
    work_of(at).spec = ModelSpec(str(qwen_folder), "float32", "cpu")
    work_of(at).exchanges = [exchange]
    work_of(at).inspect(exchange)
    view_of(at).lens = lens
    at.switch_page("pages/5_Mechanisms.py").run()
    if lens == "causal_tracing":
        at.button(key="trace").click().run()
        click(at, "mechanisms_trace", "layer", {"layer": 0})
        at.button(key="trace_patches").click().run()
    elif lens == "head_ablation":
        at.button(key="ablate_first").click().run()
    assert not at.exception and not at.error and "could not" not in said(at)
    assert chart_keys(at) or lens == "logit_lens"


def test_of_several_pictures_the_chosen_one_is_drawn(app: App, llava: TransformersModel) -> None:
    images = (image_of(SceneRecipe(27)).image, image_of(SceneRecipe(12)).image)
    question = Question("Which?", images, decoding=Decoding(max_new_tokens=4))
    exchange = Exchange(question, (), answer=ask(llava, question))
    at = opened(app, exchange, "logit_lens")
    work_of(at).image_number = 0
    at.run()
    assert len([row for row in told(at, "10") if "row" in row]) == 16
    assert {key[2] for key in view_of(at).results.of(READ)} >= {  # type: ignore[index]
        answered(exchange).layout.views[0].positions,
        answered(exchange).layout.views[1].positions,
    }
    at = opened(app, exchange, "causal_tracing")
    at.segmented_control(key="mechanisms_corrupt_4").select("another picture").run()
    at.button(key="trace").click().run()
    assert not at.exception and len(list(view_of(at).results.of(TRACES))) == 1


def test_the_map_is_tested_with_its_badge(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    at.button(key="evidence_test").click().run()
    assert not at.exception and "emoving its top 20% of patches" in captions(at)
    at.text_input(key="mechanisms_word").set_value("dog").run()
    assert "evidence_test" not in {button.key for button in at.button}, "a word nobody said cannot be tested"


def test_files_say_how_their_figures_came_about(llava: TransformersModel) -> None:
    from core.ui.mechanisms.saving import csv_text, json_text

    answer = answered(exchange_of(llava))
    table = [{"layer": 0, "word": "=1+1\n"}, {"layer": 1, "change": -0.5}]
    lines = csv_text(answer, {"method": "x"}, lambda: table).splitlines()
    assert json.loads(lines[0].removeprefix("# "))["method"] == "x"
    assert lines[1:] == ["layer,word,change", '0,"""=1+1\\n""",', "1,,-0.5"]
    assert json.loads(json_text(answer, {"method": "x"}, lambda: table))["rows"] == table
