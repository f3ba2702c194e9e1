"""Side by Side without a browser: what is pinned where, what is shown of it, computed, subtracted and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import core
from core.answer import Answer, Decoding, Question, Target
from core.attention.measures import measured
from core.attention.rows import answer_rows
from core.causal.common import shared_edges
from core.causal.discovery import causal_graph
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.maps.difference import difference
from core.mechanisms.contributions import contributions
from core.mechanisms.lens import lens
from core.mechanisms.logprob_increase import head_increases
from core.reports.figure import Figure
from core.runs.compared import figure_of
from core.runs.store import RunStore
from core.street.recipe import SceneRecipe, possible_changes
from core.ui.beside.maps import LESS
from core.ui.beside.targets import named, target_beside
from core.ui.state.heads import INCREASES, increases_key
from core.ui.state.keeper import RunKeeper
from core.ui.state.keeping import keep, use
from core.ui.state.maps import MAPS, Key, Order
from core.ui.state.pin import Pin
from core.ui.state.pins import MOST, PINNED, card_of, found, pin, pins_of, restore_pins, unpin
from core.ui.state.results import answer_key
from core.ui.state.scenes import image_of
from core.ui.state.twins import ask_twin, original_of, room_for
from core.ui.state.workspace import Exchange, Workspace
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.reports.test_scripts import here
from tests.ui.charts import told
from tests.ui.scripts import scripts_of

App = Callable[..., AppTest]
PAGE = "pages/8_Side_by_Side.py"
METHOD = "relevancy"


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def exchange_of(model: TransformersModel, text: str = "What is the door?", seed: int = 27) -> Exchange:
    shown = image_of(SceneRecipe(seed))
    question = Question(text, (shown.image,), decoding=Decoding(max_new_tokens=4))
    return Exchange(question, (shown,), answer=ask(model, question))


def answer_of(exchange: Exchange) -> Answer:
    assert exchange.answer is not None
    return exchange.answer


def opened(app: App, *exchanges: Exchange, what: str = "Answers", target: Target | None = None) -> AppTest:
    """The page with some answers pinned, the first with a target."""
    at = app(None)
    work = work_of(at)
    work.exchanges = list(exchanges)
    work.inspect(exchanges[-1])
    for number, exchange in enumerate(exchanges):
        pin(work, answer_of(exchange), exchange.images, None if number else target)
    at.session_state["beside_what"] = what
    at.session_state["beside_method"] = METHOD
    at.switch_page(PAGE).run()
    assert not at.exception and not at.error
    return at


def texts(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.text, *at.caption, *at.markdown, *at.info))


@pytest.fixture(scope="module")
def two(llava: TransformersModel) -> tuple[Exchange, Exchange]:
    """Answers about two pictures."""
    return exchange_of(llava), exchange_of(llava, seed=12)


def test_an_empty_page_says_how_to_pin(app: App) -> None:
    at = app(PAGE)
    assert "Click *Pin*" in texts(at) and not at.button


def test_an_answer_is_pinned_where_it_is_looked_into_with_its_target(app: App, llava: TransformersModel) -> None:
    at = app(None)
    exchange = exchange_of(llava)
    work_of(at).exchanges = [exchange]
    work_of(at).inspect(exchange)
    work_of(at).target = Target((1,))
    at.switch_page("pages/2_Attention_Explorer.py").run()
    at.button(key="pin_bar").click().run()
    (pinned,) = work_of(at).pins
    assert pinned.answer is exchange.answer and pinned.target == Target((1,)) and pinned.model == llava.card.name
    assert at.button(key="pin_bar").label == "Unpin"
    at.button(key="pin_bar").click().run()
    assert not work_of(at).pins


def test_an_answer_is_pinned_in_chat_and_no_more_than_four_are(app: App, llava: TransformersModel) -> None:
    at = app(None)
    exchanges = [exchange_of(llava, text) for text in ("One?", "Two?", "Three?", "Four?", "Five?")]
    work_of(at).exchanges = exchanges
    work_of(at).inspect(exchanges[-1])
    at.switch_page("pages/1_Chat.py").run()
    for exchange in exchanges[:MOST]:
        at.button(key=f"pin_{exchange.serial}").click().run()
    assert [each.answer for each in work_of(at).pins] == [each.answer for each in exchanges[:MOST]]
    assert at.button(key=f"pin_{exchanges[-1].serial}").disabled


def test_the_log_probability_of_the_target_stands_in_each_column(app: App, two: tuple[Exchange, Exchange]) -> None:
    at = opened(app, *two, target=Target((0,)))
    first, other = work_of(at).pins
    for each in (first, other):
        figure = figure_of(each.answer, target_beside(first, each))
        assert figure.value is not None and f"{figure.value:.3f} nats" in texts(at)
    assert len(at.get("vega_lite_chart")) == 1


def test_order_and_targets_are_chosen_and_pins_taken_away(app: App, two: tuple[Exchange, Exchange]) -> None:
    at = opened(app, *two)
    first, other = work_of(at).pins
    at.button(key=f"first_{other.id}").click().run()
    assert [each.id for each in work_of(at).pins] == [other.id, first.id]
    box = at.selectbox[0]
    box.set_value(next(number for number in range(len(box.options)) if number != box.value)).run()
    assert work_of(at).pins[0].chosen is not None
    at.button(key=f"unpin_{other.id}").click().run()
    assert [each.id for each in work_of(at).pins] == [first.id]
    at.button(key="unpin_all").click().run()
    assert not work_of(at).pins and "Click *Pin*" in texts(at)


def test_maps_are_computed_on_a_click_and_subtracted_on_demand(app: App, two: tuple[Exchange, Exchange]) -> None:
    at = opened(app, *two, what="Maps", target=Target((0,)))
    assert not work_of(at).results.of(MAPS)
    at.button(key="beside_compute").click().run()
    first, other = work_of(at).pins
    keys = [
        Key(answer_key(each.answer), target_beside(first, each), Order(METHOD, explainers()[METHOD].Settings()))
        for each in (first, other)
    ]
    maps = work_of(at).results.of(MAPS)
    assert set(maps) == set(keys)
    assert not [button for button in at.button if button.key == "beside_compute"]
    assert len(at.get("vega_lite_chart")) == 2
    at.toggle(key="beside_less").set_value(True).run()
    assert not at.exception and not at.error
    expected = difference(
        maps[keys[1]].scores.numpy(), other.answer.layout, maps[keys[0]].scores.numpy(), first.answer.layout
    )
    drawn = [row["value"] for row in told(at, LESS) if "value" in row]
    assert np.allclose(sorted(drawn), sorted(expected[~np.isnan(expected)]), atol=1e-6)


def test_a_map_that_relevancy_made_is_there_without_a_click(
    app: App, two: tuple[Exchange, Exchange], llava: TransformersModel
) -> None:
    at = opened(app, two[0], what="Maps", target=Target((0,)))
    settings = explainers()[METHOD].Settings()
    (made,) = explain(explainers()[METHOD], llava, answer_of(two[0]), [Target((0,))], settings)
    key = Key(answer_key(answer_of(two[0])), Target((0,)), Order(METHOD, settings))
    work_of(at).results.keep(MAPS, key, made)
    at.run()
    assert len(at.get("vega_lite_chart")) == 1


def test_heads_stand_on_one_scale_and_are_subtracted_on_demand(app: App, two: tuple[Exchange, Exchange]) -> None:
    at = opened(app, *two, what="Heads", target=Target((0,)))
    first, other = work_of(at).pins
    looks = [
        measured(answer_rows(each.answer, target_beside(first, each).tokens), each.answer.layout, "image")
        for each in (first, other)
    ]
    drawn = [row["value"] for row in told(at, "attention to the picture") if "value" in row]
    assert np.allclose(sorted(drawn), sorted(np.concatenate([one.ravel() for one in looks])), atol=1e-4)
    specs = [json.loads(chart.proto.spec) for chart in at.get("vega_lite_chart")]
    ends = [spec["layer"][0]["encoding"]["color"]["scale"]["domain"] for spec in specs]
    assert len(ends) == 2 and ends[0] == ends[1]
    at.toggle(key="beside_less").set_value(True).run()
    drawn = [row["value"] for row in told(at, "difference") if "value" in row]
    assert np.allclose(sorted(drawn), sorted((looks[1] - looks[0]).ravel()), atol=1e-4)


def test_what_heads_add_is_computed_on_a_click(
    app: App, two: tuple[Exchange, Exchange], llava: TransformersModel
) -> None:
    at = opened(app, *two, what="Heads", target=Target((0,)))
    at.segmented_control(key="beside_heads").set_value("Log-probability increase").run()
    at.button(key="beside_compute").click().run()
    assert not at.exception and not at.error
    answer = answer_of(two[0])
    expected = head_increases(llava, contributions(llava, answer, token_targets_of(answer, Target((0,))))).mean(0)
    made = work_of(at).results.get(INCREASES, increases_key(answer, Target((0,))))
    assert made is not None and np.allclose(made.values, expected, atol=1e-5)
    assert len(at.get("vega_lite_chart")) == 2


def test_the_lens_tells_where_each_target_comes_first(
    app: App, two: tuple[Exchange, Exchange], llava: TransformersModel
) -> None:
    at = opened(app, *two, what="Lens", target=Target((0,)))
    at.button(key="beside_compute").click().run()
    assert not at.exception and not at.error
    answer, layers = answer_of(two[0]), list(range(llava.card.layers + 1))
    reading = lens(llava, answer, [answer.predicting_position(0)], layers, words=[answer.tokens[0].id])
    probabilities = reading.word_logprobs[:, 0, 0].exp().tolist()
    drawn = [row["value"] for row in told(at, "probability") if row.get("series", "").startswith("1:")]
    assert np.allclose(drawn, probabilities, atol=1e-5)
    first = [layer for layer in layers if reading.word_ranks[layer, 0, 0] == 1]
    assert layers[-1] in first and "comes first" in texts(at)


def test_graphs_tell_which_edges_they_have_in_common(
    app: App, two: tuple[Exchange, Exchange], llava: TransformersModel
) -> None:
    at = opened(app, *two, what="Graphs", target=Target((0,)))
    at.button(key="beside_compute").click().run()
    assert not at.exception and not at.error
    layer = max(llava.card.attention_layers)
    pins = work_of(at).pins
    graphs = [causal_graph(llava, each.answer, target_beside(pins[0], each).tokens[0], layer, 0) for each in pins]
    edges = shared_edges([(graph, each.answer) for graph, each in zip(graphs, pins, strict=True)])
    both = sum(len(edge.in_graphs) == 2 for edge in edges)
    assert f"{both} edge" in texts(at) and f"; {len(edges)} different ones." in texts(at)
    table = at.dataframe[0].value
    assert list(table["graphs"]) == sorted(table["graphs"], reverse=True) and list(table["graphs"]).count(2) == both


@pytest.mark.parametrize(
    ("what", "made"),
    [("Answers", "figures"), ("Maps", "changes"), ("Heads", "changes"), ("Lens", "places"), ("Graphs", "edges")],
)
def test_every_panel_is_saved_and_copied_as_a_script_that_makes_it(
    what: str,
    made: str,
    app: App,
    two: tuple[Exchange, Exchange],
    llava: TransformersModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures: list[Figure] = []

    def content(figure: Figure, ending: str) -> bytes:
        figures.append(figure)
        return b""

    monkeypatch.setattr("core.ui.beside.taking_along._content", content)
    at = opened(app, *two, what=what, target=Target((0,)))
    if what != "Answers":
        if what in ("Maps", "Heads"):
            next(each for each in at.toggle if each.key == "beside_less").set_value(True).run()
        computed = [each for each in at.button if each.key == "beside_compute"]
        if computed:
            computed[0].click().run()
    assert not at.exception
    (text,) = scripts_of(at)
    assert text.count("sightline.load_model(") == 1 and text.count("sightline.street_scene(") == 2
    given = iter([answer_of(each) for each in two])
    monkeypatch.setitem(vars(core), "load_model", lambda *_, **named: llava)
    monkeypatch.setitem(vars(core), "ask", lambda model, question: next(given))
    names: dict[str, Any] = {}
    exec(compile(here(text), "script.py", "exec"), names)
    again = names[made]
    assert len(again) >= 1
    figure, columns = figures[-1], list(figures[-1].numbers)
    if what == "Maps":
        assert np.allclose(again[0], figure.numbers[f"answer_2_{LESS}"], atol=1e-6, equal_nan=True)
    elif what == "Heads":
        assert np.allclose(again[0], figure.numbers["answer_2_less_the_first"], atol=2e-3, equal_nan=True)
    elif what == "Lens":
        assert again[1].tolist() == figure.numbers["answer_2_places"].tolist()
    elif what == "Answers":
        assert again[0].value == figure.numbers["answer_1_target"]
    else:
        assert len(again) == len(figure.rows)
    assert figure.csv().startswith(b"# {") and len(figure.csv().splitlines()) > len(columns) and figure.npz()
    if what == "Heads":
        assert figure.drawing is not None
        drawn = ElementTree.fromstring(figure.drawing.svg())
        ids = [each.attrib["id"] for each in drawn.iter() if "id" in each.attrib]
        assert len(ids) == len(set(ids)) and figure.drawing.png().startswith(b"\x89PNG")


def test_an_answer_of_a_model_that_is_not_loaded_says_what_it_needs(app: App, two: tuple[Exchange, Exchange]) -> None:
    foreign = replace(answer_of(two[1]), model="elsewhere")
    for what in ("Answers", "Maps", "Heads", "Lens", "Graphs"):
        at = opened(app, two[0], replace(two[1], answer=foreign), what=what)
        assert "is not loaded" in texts(at)


def test_a_contrast_with_what_the_other_answer_says_is_a_sentence(app: App, two: tuple[Exchange, Exchange]) -> None:
    one, other = answer_of(two[0]), answer_of(two[1])
    at_first = Pin("", one, "", target=Target((0,)))
    said = other.tokens[target_beside(at_first, Pin("", other, "")).tokens[0]].id
    at = opened(app, *two, target=Target((0,), (said,)))
    assert "the very word" in texts(at)


def test_a_target_is_named_without_its_model(two: tuple[Exchange, Exchange]) -> None:
    answer = answer_of(two[0])
    rival = answer.tokens[0].alternatives[-1]
    assert "rather than" in named(answer, Target((0,), (rival.id,)), None)
    assert "another word" in named(answer, Target((0,), (10**6,)), None)


def test_pins_are_kept_with_the_place_of_a_run(two: tuple[Exchange, Exchange]) -> None:
    work = Workspace()
    work.exchanges = list(two)
    pin(work, answer_of(two[1]), two[1].images, Target((1,)), "a label")
    pin(work, answer_of(two[0]), two[0].images)
    again = Workspace()
    again.exchanges = list(two)
    restore_pins(again, pins_of(work))
    assert [(each.id, each.label, each.target) for each in again.pins] == [
        (each.id, each.label, each.target) for each in work.pins
    ]


def test_a_pinned_answer_is_there_again_wherever_it_was_given(
    two: tuple[Exchange, Exchange], llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is no turn of the run: of a phrasing, say, or of another run, with what was computed there."""
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path))
    other = Workspace()
    other.exchanges = [two[1]]
    keep(other)
    assert other.run is not None
    key = Key(answer_key(answer_of(two[1])), Target((0,)), Order(METHOD, explainers()[METHOD].Settings()))
    (made,) = explain(explainers()[METHOD], llava, answer_of(two[1]), [Target((0,))])
    other.results.keep(MAPS, key, made)
    pin(other, answer_of(two[1]), two[1].images, label="from elsewhere")
    work = Workspace()
    work.exchanges, work.pins = [two[0]], other.pins
    keep(work)
    assert work.run is not None and work.run.flush(30) and other.run.flush(30)

    again = Workspace()
    use(again, RunKeeper(RunStore().open(work.run.id, only_look=True)))
    restore_pins(again, work.run.run.manifest.place["pins"])
    (one,) = again.pins
    assert one.id == work.pins[0].id and one.label == "from elsewhere" and card_of(again, one) == llava.card
    kept = found(again, one, MAPS, key)
    assert kept is not None and torch.equal(kept.scores, made.scores)

    unpin(work, one.id)
    keep(work)
    assert work.run.flush(30) and not RunStore().open(work.run.id, only_look=True).results(PINNED)
    for each in (work, other):
        each.begin_anew()


@pytest.mark.parametrize(
    "plain",
    [None, 3, ["a"], [{}], [{"answer": 1}], [{"answer": "x", "target": {"tokens": [99]}}], [{"answer": "x"}] * 9],
)
def test_what_is_no_pin_is_left_out(two: tuple[Exchange, Exchange], plain: object) -> None:
    work = Workspace()
    work.exchanges = [two[0]]
    restore_pins(work, plain)
    assert not work.pins


def test_a_twin_is_asked_the_same_and_both_are_pinned(app: App, llava: TransformersModel) -> None:
    at = app(None)
    work, exchange = work_of(at), exchange_of(llava)
    assert original_of(work) is None
    work.exchanges = [exchange]
    work.choose_images(exchange.images)
    work.inspect(exchange)
    original = original_of(work)
    assert original is exchange and room_for(work, exchange)
    change = next(iter(possible_changes(SceneRecipe(27).scene()).values()))[0]
    ask_twin(work, exchange, change)
    at.switch_page("pages/1_Chat.py").run()
    assert not at.exception and not at.error
    first, twin = work_of(at).pins
    assert first.answer is exchange.answer and work_of(at).to_pin is None
    assert twin.answer is work_of(at).exchanges[-1].answer and change.sentence in twin.label
    assert twin.answer.question.with_masks().text == first.answer.question.text
    assert twin.answer.question.images[0].tobytes() == image_of(SceneRecipe(27, (change,))).image.tobytes()
