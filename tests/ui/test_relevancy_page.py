"""The Relevancy page without a browser: what it computes, keeps, says and refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Explanation, Question, Target
from core.cases import ranking as rules
from core.cases.folder_standing import standing
from core.cases.kept_leagues import journal_of, keep
from core.cases.known_cause.summary import passed_by_word
from core.cases.league_file import read_league_file
from core.comparison.keyword import likely_word
from core.explainers import run
from core.explainers.grounding_heads import GroundingHeadsSettings
from core.explainers.registry import explainers
from core.explainers.relevancy import Relevancy
from core.maps.shares import parts
from core.street.recipe import SceneRecipe
from core.ui.jobs.page import STOPPED
from core.ui.relevancy import change
from core.ui.relevancy import running as maps_running
from core.ui.relevancy.gallery import PAGE
from core.ui.relevancy.view import MAPS, TRACES, Key, Order, RelevancyView
from core.ui.state.maps import coming_along
from core.ui.state.results import answer_key
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange, Workspace
from core.ui.widgets.scored_words import scored_tokens
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.pace import Pace
from tests.ui.kept import heads_kept

App = Callable[..., AppTest]


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def exchange_of(
    model: TransformersModel, text: str = "What is the door?", most: int = 6, *, picture: bool = True
) -> Exchange:
    shown = image_of(SceneRecipe(27)) if picture else None
    question = Question(text, (shown.image,) if shown else (), decoding=Decoding(max_new_tokens=most))
    return Exchange(question, (shown,) if shown else (), answer=ask(model, question))


def opened(
    app: App, *exchanges: Exchange, target: Target | None = None, methods: Sequence[str] | None = ("relevancy",)
) -> AppTest:
    """The page about the last of some answered questions, by some methods or (None) as on a first visit."""
    at = app(None)
    work = work_of(at)
    work.exchanges = list(exchanges)
    work.inspect(exchanges[-1] if exchanges else None)
    work.target = target
    if methods is not None:
        at.session_state["relevancy_methods"] = list(methods)
    at.switch_page("pages/3_Relevancy.py").run()
    assert not at.exception and not at.error
    return at


def answer_of(at: AppTest) -> Answer:
    answer = work_of(at).answer
    assert answer is not None
    return answer


def maps_of(at: AppTest) -> dict[Key, Explanation]:
    """The maps that are kept, by what they are of."""
    return {key: made for key, made in work_of(at).results.of(MAPS).items() if isinstance(key, Key)}


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.text)


def charts(at: AppTest) -> int:
    return len(at.get("vega_lite_chart"))


def relevancy_order() -> Order:
    return Order("relevancy", Relevancy.Settings())


def test_without_an_answer_the_page_says_what_to_do(app: App) -> None:
    at = opened(app)
    assert any("No answer" in info.value for info in at.info)
    assert maps_of(at) == {}


def test_the_first_method_passes_the_known_cause_by_the_word_and_then_the_league_decides(
    app: App, llava: TransformersModel
) -> None:
    at = opened(app, exchange_of(llava), target=Target((2,)), methods=None)
    assert at.multiselect(key="relevancy_methods").value == [coming_along()[0]]
    quick = read_league_file().league.quick
    by_word = [passed_by_word(key) for key in coming_along()]
    assert by_word == sorted(by_word, reverse=True) and by_word[0], "maps of the word alone are what it opens with"
    assert [key for key in coming_along() if key in quick and not passed_by_word(key)] == [
        key for key in quick if not passed_by_word(key)
    ]


def test_where_the_recommended_method_cannot_explain_an_answer_the_next_one_is_first(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, second = coming_along()[:2]
    monkeypatch.setattr(type(explainers()[best]), "obstacle", lambda *_: "It cannot.")
    at = opened(app, exchange_of(llava), target=Target((2,)), methods=None)
    assert at.multiselect(key="relevancy_methods").value == [second]


def test_a_league_of_ones_own_recommends_for_its_model_and_says_on_how_many_cases(
    app: App, llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path))
    monkeypatch.setattr(rules, "passed", lambda method: None)
    for model, method in ((llava.card.fingerprint, "rollout"), ("another", "relevancy")):
        figures = {"deletion": {"value": 0.2}, "insertion": {"value": 0.7}}
        one = {
            "case": "1",
            "family": "plain",
            "method": method,
            "figures": figures,
            "processor": 0.1,
            "pass": [1.0, 1.0],
        }
        league = standing({"model": model, "set": "plain", "about": {"folder": "/data/mine"}}, [one], (), 1)
        keep(league, journal_of(tmp_path, model, "plain", "/data/mine", 0), "sightline league --folder /data/mine")
    at = opened(app, exchange_of(llava), target=Target((2,)), methods=None)
    assert at.multiselect(key="relevancy_methods").value == ["rollout"]
    assert (
        "Attention rollout is recommended for this model, by a league on 1 case of mine, none with a mask"
        in captions(at)
    )


def test_heads_that_were_found_for_the_model_are_what_heads_that_ground_sums(
    app: App, llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path))
    heads_kept(tmp_path, llava.card.fingerprint)
    at = opened(app, exchange_of(llava), target=Target((2,)), methods=("grounding_heads",))
    order = Order("grounding_heads", GroundingHeadsSettings("1.2"))
    assert work_of(at).view(RelevancyView).map_of(answer_of(at), Target((2,)), order) is not None


def test_what_takes_long_is_said_where_it_is_chosen_with_what_is_cheaper(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_of(llava)
    assert "Relevancy: about" not in captions(opened(app, exchange, target=Target((2,))))
    monkeypatch.setattr(Pace, "pass_seconds", lambda *_: 10.0)
    at = opened(app, exchange, target=Target((3,)), methods=("relevancy", "random"))
    assert "Relevancy: about 35 s; 4 passes. Suffix relevancy takes" in captions(at)
    at.run()
    assert "Relevancy: about" not in captions(at), "it is there"


def test_relevancy_is_there_at_once_with_its_cost_and_its_caveat(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((2,)))
    made = work_of(at).view(RelevancyView).map_of(answer_of(at), Target((2,)), relevancy_order())
    assert made is not None and made.complete == 1
    assert f"default settings · {made.seconds:.2f} s" in captions(at)
    assert Relevancy.caveat in captions(at)
    assert charts(at) == 3, "the map, the bars and the words"


def test_what_a_setting_could_not_do_is_said_under_the_map(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((2,)))
    [(key, map_of)] = maps_of(at).items()
    work_of(at).results.keep(MAPS, key, replace(map_of, remark="It is <b>the decoder's</b> alone."))
    at.run()
    assert "It is <b>the decoder's</b> alone." in captions(at)
    assert not any("<b>" in caption.value for caption in at.caption), "escaped"


def test_nothing_is_computed_twice(app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(app, exchange_of(llava), target=Target((2,)))

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(maps_running, "explain", never)
    at.slider(key="relevancy_opacity").set_value(0.3).run()
    at.segmented_control(key="relevancy_scale").select("all on one, as shares").run()
    at.switch_page("Home.py").run()
    at.switch_page("pages/3_Relevancy.py").run()
    assert not at.exception and charts(at) == 3
    assert at.slider(key="relevancy_opacity").value == 0.3


def test_a_changed_setting_is_another_map_and_is_named(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((2,)), methods=["raw_attention"])
    at.multiselect(key="relevancy_raw_attention_layers_3").set_value([1]).run()
    assert "Layers: 1 ·" in captions(at)
    assert {key.order.settings.layers for key in maps_of(at)} == {None, (1,)}


def test_several_methods_stand_side_by_side_and_are_compared(app: App, llava: TransformersModel) -> None:
    methods = ["relevancy", "raw_attention", "random"]
    at = opened(app, exchange_of(llava), target=Target((1,)), methods=methods)
    assert {key.order.method for key in maps_of(at)} == set(methods)
    assert charts(at) == 3 + 1 + 3 + 2, "maps, bars, words, and two tables"
    assert "By chance, two maps share 62% of their top 10." in captions(at)


def test_what_one_method_cannot_do_is_a_sentence_and_the_others_stay(app: App, llava: TransformersModel) -> None:
    target = Target((1,), rivals=(200,))
    at = opened(app, exchange_of(llava), target=target, methods=["relevancy", "raw_attention"])
    assert "has no contrast" in said(at)
    assert [key.order.method for key in maps_of(at)] == ["relevancy"]


def test_too_little_memory_is_said_before_with_figure_and_remedy(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relevancy, "estimate", lambda *_: 7 * 10**12)
    at = opened(app, exchange_of(llava), target=Target((1,)))
    assert "7000.0 GB" in said(at) and "smaller picture" in said(at)
    monkeypatch.undo()
    at.button(key="again_relevancy").click().run()
    assert "7000.0 GB" not in said(at) and charts(at) == 3


def test_suffix_relevancy_measures_its_agreement_with_the_exact_rule(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((1,)), methods=["suffix_relevancy"])
    assert "Agreement with Relevancy is not known here" in captions(at)
    at.button(key="measure_relevancy").click().run()
    assert "Rank correlation with Relevancy: " in captions(at)
    assert at.multiselect(key="relevancy_methods").value == ["suffix_relevancy", "relevancy"]


def test_every_word_gets_a_map_from_one_run_and_a_click_makes_it_the_target(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    monkeypatch.setattr(
        maps_running, "explain", lambda *args, **named: runs.append(len(args[3])) or run.explain(*args, **named)
    )
    at = opened(app, exchange_of(llava, most=40), target=Target((0,)))
    words = answer_of(at).words()
    at.segmented_control(key="relevancy_view").select("Word by word").run()
    assert not at.exception
    first = words[:PAGE]
    assert runs == [1, len(first) - ((0,) in first)]
    target = Target(first[-1])
    at.button(key=f"word_{target.tokens[0]}").click().run()
    assert work_of(at).target == target and not at.exception
    chips = next(group for group in at.pills if group.key and "chips_" in group.key)
    assert chips.value == target.tokens[0]


def test_words_that_were_stopped_say_so_and_can_be_finished(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    assert exchange.answer is not None
    spaced = tuple(replace(token, text=f" w{i}") for i, token in enumerate(exchange.answer.tokens))
    exchange.answer = replace(exchange.answer, tokens=spaced)
    at = opened(app, exchange, target=Target((0,)))
    at.segmented_control(key="relevancy_view").select("Word by word").run()
    results, answer = work_of(at).view(RelevancyView), answer_of(at)
    for key, whole in list(maps_of(at).items())[-2:]:
        results.keep(answer, key.order, [replace(whole, complete=0.5)])
        results.jobs.stopped[results.key(answer, key.target, key.order)] = "You stopped this."
    at.run()
    assert "You stopped this." in said(at) and "Stopped when 50% was done" in captions(at)
    at.button(key="compute_words").click().run()
    assert "Stopped" not in captions(at) and all(map_.complete == 1 for map_ in maps_of(at).values())


def test_long_answers_are_computed_page_by_page(app: App, llava: TransformersModel) -> None:
    # One word to a token, as many as two pages and a bit.
    exchange = exchange_of(llava, most=2 * PAGE + 3)
    assert exchange.answer is not None
    spaced = tuple(replace(token, text=f" w{i}") for i, token in enumerate(exchange.answer.tokens))
    exchange.answer = replace(exchange.answer, tokens=spaced)
    at = opened(app, exchange, target=Target((0,)))
    at.segmented_control(key="relevancy_view").select("Word by word").run()
    assert {key.target.tokens for key in maps_of(at)} == {(i,) for i in range(PAGE)}
    at.selectbox(key="relevancy_page_3").select_index(2).run()
    assert {key.target.tokens[0] for key in maps_of(at)} == {
        *range(PAGE),
        *range(2 * PAGE, 2 * PAGE + 3),
    }


def test_layers_are_followed_once_and_sum_to_the_map(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((1,)))
    at.toggle(key="relevancy_relevancy_through_tower").set_value(False).run()
    at.segmented_control(key="relevancy_view").select("Layer by layer").run()
    assert not at.exception and charts(at) == 2
    trace = work_of(at).results.get(TRACES, ("layers", answer_key(answer_of(at)), Target((1,))))
    order = Order("relevancy", Relevancy.Settings(through_tower=False))
    whole = work_of(at).view(RelevancyView).map_of(answer_of(at), Target((1,)), order)
    assert trace is not None and whole is not None
    own = len(answer_of(at).prompt_tokens)
    expected = whole.scores.numpy().copy()
    expected[own] -= 1
    assert np.allclose(trace.sum(0), expected, atol=1e-5)
    other = int(trace[:, :own].sum(1).argmin())
    menu = next(box for box in at.selectbox if str(box.key).startswith("relevancy_layers_keys"))
    menu.select(other).run()  # by keyboard, which does what a click on the chart does
    assert work_of(at).view(RelevancyView).layer == other
    assert any(f"Layer {other}: what enters there" in caption.value for caption in at.caption)


def test_a_picture_whose_tokens_have_no_known_place_is_not_said_to_be_missing(
    app: App, llava: TransformersModel
) -> None:
    exchange = exchange_of(llava)
    assert exchange.answer is not None
    exchange.answer = replace(exchange.answer, layout=replace(exchange.answer.layout, views=()))
    at = opened(app, exchange, target=Target((1,)), methods=["relevancy", "raw_attention"])
    for view in at.segmented_control(key="relevancy_view").options:
        at.segmented_control(key="relevancy_view").select(view).run()
        assert not at.exception
        for info in at.info:
            assert "no picture" not in info.value and "without a picture" not in info.value
            assert info.value.startswith("Where this model's image tokens are in the picture is not known")


def test_two_phrasings_are_subtracted_at_the_same_word(app: App, llava: TransformersModel) -> None:
    first, second = exchange_of(llava, "What is the door?"), exchange_of(llava, "Is a door the door?")
    elsewhere = exchange_of(llava)
    assert elsewhere.answer is not None
    other_image = Question("What is it?", (Image.new("RGB", (168, 168)),), decoding=Decoding(max_new_tokens=3))
    elsewhere = Exchange(other_image, (), answer=ask(llava, other_image))
    at = opened(app, elsewhere, first, second, target=Target((1,)))
    at.segmented_control(key="relevancy_view").select("Difference").run()
    assert not at.exception and charts(at) == 3
    saved = [download.label for download in at.download_button]
    assert saved == ["Picture (PNG)", "Picture with a value for every patch (SVG)", "Numbers (CSV)", "Numbers (NPZ)"]
    labels = [other.label for other in change.others(work_of(at), llava, answer_of(at))]
    asked = [label for label in labels if label.startswith("asked: ")]
    assert len(asked) == 1 and asked[0].startswith("asked: What is the door?")
    assert {key.answer for key in maps_of(at)} == {
        answer_key(exchange.answer) for exchange in (first, second) if exchange.answer
    }


def test_the_same_word_is_found_whatever_its_punctuation(llava: TransformersModel) -> None:
    exchange = exchange_of(llava, most=4)
    assert exchange.answer is not None
    texts = ("Yes", ",", " the", " Door.")
    tokens = tuple(replace(token, text=text) for token, text in zip(exchange.answer.tokens, texts, strict=True))
    answer = replace(exchange.answer, tokens=tokens, text="".join(texts))
    assert likely_word(answer, " door") == (3,)
    assert likely_word(answer, "yes") == (0, 1)
    assert likely_word(answer, "house") in answer.words()


def test_words_alone_keep_their_scores_and_say_what_is_missing(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava, "The dog is a dog. Why?", picture=False)
    at = opened(app, exchange, target=Target((2,)), methods=["relevancy", "centre_bias"])
    assert any("without a picture" in info.value for info in at.info)
    assert "has no picture" in said(at), "the method that needs one"
    assert not [button for button in at.button if button.label == "Compute it"], "it would only be refused again"
    assert charts(at) == 2, "bars and words"
    for view in ("Word by word", "Layer by layer", "Difference"):
        at.segmented_control(key="relevancy_view").select(view).run()
        assert not at.exception and not at.error


def test_an_answer_of_one_token(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava, most=1), target=Target((0,)))
    for view in ("Maps", "Word by word", "Layer by layer", "Difference"):
        at.segmented_control(key="relevancy_view").select(view).run()
        assert not at.exception and not at.error


def test_the_only_word_of_the_only_answer_is_not_subtracted_from_itself(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava, most=1), target=Target((0,)))
    at.segmented_control(key="relevancy_view").select("Difference").run()
    assert "there is no second map" in at.info[0].value and charts(at) == 0


def test_maps_of_a_model_that_is_gone_stay_on_screen(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    assert exchange.answer is not None
    exchange.answer = replace(exchange.answer, model="another")
    at = app(None)
    work = work_of(at)
    work.exchanges = [exchange]
    work.inspect(exchange)
    work.target = Target((1,))
    made = Explanation(torch.rand(len(exchange.answer.layout)), Target((1,)), "relevancy", {}, 0.25)
    work.view(RelevancyView).keep(exchange.answer, relevancy_order(), [made])
    at.switch_page("pages/3_Relevancy.py").run()
    assert not at.exception and not at.error
    assert "computed before the model was changed" in captions(at) and "0.25 s" in captions(at)
    assert charts(at) == 1


def test_a_stop_keeps_what_is_done_and_starts_nothing_by_itself(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_of(llava)
    order = Order("occlusion_pixels", explainers()["occlusion_pixels"].Settings(window=1, step=1))

    def stopped_on_the_way(*arguments: Any, **named: Any) -> list[Explanation]:
        token = CancelToken()

        def report(done: float) -> None:
            if done >= 0.25:
                token.cancel()

        return run.explain(*arguments, cancel=token, progress=report)

    at = opened(app, exchange, target=Target((1,)), methods=[])
    results = work_of(at).view(RelevancyView)
    monkeypatch.setattr(maps_running, "explain", stopped_on_the_way)
    at.session_state["relevancy_occlusion_pixels_window"] = 1
    at.session_state["relevancy_occlusion_pixels_step"] = 1
    at.multiselect(key="relevancy_methods").set_value(["occlusion_pixels"]).run()
    assert not at.exception
    results.jobs.stopped[results.key(answer_of(at), Target((1,)), order)] = STOPPED
    monkeypatch.undo()
    at.run()
    made = results.map_of(answer_of(at), Target((1,)), order)
    assert made is not None and made.complete == 0.25
    assert "25% of it was done" in captions(at)
    at.button(key="again_occlusion_pixels").click().run()
    made = results.map_of(answer_of(at), Target((1,)), order)
    assert made is not None and made.complete == 1 and "of it was done" not in captions(at)


def test_slow_methods_wait_and_superseded_ones_start_again(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    results, order = RelevancyView(), relevancy_order()
    assert results.due(answer, Target((0,)), order)
    whole = Explanation(torch.zeros(len(answer.layout)), Target((0,)), "relevancy", {}, 60.0, together=2)
    results.keep(answer, order, [replace(whole, complete=0.5)])
    assert results.obstacle(answer, Target((1,)), order) == (
        "This method took 30 s the last time, so it is not computed unasked."
    )
    assert not results.due(answer, Target((1,)), order)
    results.ask(answer, Target((1,)), order)
    assert results.due(answer, Target((1,)), order)
    results.seconds.clear()
    assert results.due(answer, Target((0,)), order), "superseded half-way, not stopped"
    results.jobs.stopped[results.key(answer, Target((0,)), order)] = STOPPED
    assert not results.due(answer, Target((0,)), order)


def test_words_behind_the_target_and_its_own_place_are_off_the_scale(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    target = Target((2,))
    scores = np.arange(len(answer.layout), dtype=np.float32)
    parted = scored_tokens(answer, target, scores, parts(answer.layout, target))
    answers = [token for token in parted if token.group == "answer"]
    start = len(answer.prompt_tokens)
    assert [token.score for token in answers] == [start, None, None, None, None, None]
    assert [token.note for token in answers[:4]] == [
        "scored",
        "predicts what is explained: not on the scale",
        "explained here",
        "comes after what is explained",
    ]
    assert "".join(token.text for token in parted if token.group == "question") == answer.question.text
