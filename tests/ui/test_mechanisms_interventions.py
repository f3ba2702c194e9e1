"""Interventions on the Mechanisms page without a browser: cuts, heads taken away, traces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.mechanisms.ablation import ablation_curves, without_heads
from core.mechanisms.attention_knockout import ways
from core.mechanisms.causal_tracing import GROUPS
from core.mechanisms.contributions import contributions
from core.mechanisms.corruption import Noise
from core.mechanisms.groups import groups
from core.mechanisms.knockout import cut_in, knockout_curves
from core.mechanisms.logprob_increase import head_increases, top_heads
from core.mechanisms.tracing import trace
from core.perturb.reask import reask_under
from core.perturb.words import heads_in_words
from core.ui.mechanisms import restoring
from core.ui.mechanisms.view import CURVES, RANKED, REASKED, TRACES
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.ui.charts import click, rows, told
from tests.ui.mechanisms import (
    TARGET,
    App,
    answered,
    captions,
    exchange_of,
    opened,
    view_of,
)


def test_cuts_have_their_curves_and_a_click_lets_the_model_answer_so(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "attention_knockout")
    at.number_input(key="mechanisms_window_3").set_value(1).run()
    cuts = ways(llava, answer, token_targets_of(answer, TARGET))
    assert "last → image" not in cuts and "image → last" in cuts
    expected = knockout_curves(llava, answer, TARGET, [cuts["image → last"]], 1)
    points = [row for row in rows(at, "mechanisms_curves") if row.get("cut") == "image → last"]
    assert [row["change"] for row in points] == pytest.approx(expected.change[0].tolist(), abs=1e-4)
    click(at, "mechanisms_curves", "point", {"cut": "image → last", "first": 1})  # type: ignore[dict-item]
    reasked = reask_under(llava, answer, cut_in(cuts["image → last"], [1]))
    assert [one.answer.text for one in view_of(at).results.of(REASKED).values()] == [reasked.answer.text]
    assert "With layer 1 of image → last cut" in "\n".join(entry.value for entry in at.markdown)
    kept = len(view_of(at).results.of(CURVES))
    at.multiselect(key=f"mechanisms_cuts_{'_'.join(cuts)}").set_value(["image → last"]).run()
    assert len(view_of(at).results.of(CURVES)) == kept, "a way that is there is not cut again"


def test_chosen_heads_are_taken_away_and_the_ranking_is_tested(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "head_ablation")
    at.number_input(key="mechanisms_first_12").set_value(2).run()
    at.button(key="ablate_first").click().run()
    ordered = top_heads(head_increases(llava, contributions(llava, answer, token_targets_of(answer, TARGET)))[0], 12)
    assert view_of(at).ablated == tuple(sorted(ordered[:2]))
    click(at, "mechanisms_ablate", "cell", dict(zip(("layer", "head"), ordered[0], strict=True)))
    assert view_of(at).ablated == (ordered[1],)
    named = heads_in_words([ordered[1]])
    (kept,) = (one for one in view_of(at).results.of(REASKED).values() if named in one.outcome.perturbation.words)
    reasked = reask_under(llava, answer, without_heads([ordered[1]]))
    assert kept.answer.text == reasked.answer.text
    np.testing.assert_allclose(kept.outcome.after.logprobs, reasked.outcome.after.logprobs, atol=1e-5)
    at.button(key="mechanisms_random").click().run()
    (curves,) = view_of(at).results.of(RANKED).values()
    expected = ablation_curves(llava, answer, TARGET, {"x": ordered}, curves.counts)
    np.testing.assert_allclose(curves.ranked["Log-probability increase"], expected.ranked["x"], atol=1e-4)
    beside = [row for row in told(at, "random heads, mean") if "heads" in row]
    assert [row["heads"] for row in beside] == [1, 2, 4]


def test_an_answer_that_ends_at_once_is_said_to_have_no_words(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "head_ablation")
    at.button(key="ablate_first").click().run()
    ((key, reasked),) = view_of(at).results.of(REASKED).items()
    empty = replace(reasked.answer, tokens=(), text="")
    view_of(at).results.keep(REASKED, key, replace(reasked, answer=empty))
    at.run()
    assert not at.exception and any(text.value.endswith("becomes an answer without words.") for text in at.text)


def test_a_mean_in_the_place_of_heads_is_another_intervention(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "head_ablation")
    at.button(key="ablate_first").click().run()
    at.segmented_control(key="mechanisms_instead").select("their mean").run()
    said = {reasked.outcome.perturbation.words for reasked in view_of(at).results.of(REASKED).values()}
    assert {words.split(" by ")[1] for words in said} == {"nothing", "their mean"}


def test_a_trace_shows_total_effect_groups_and_patches(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = answered(exchange)
    at = opened(app, exchange, "causal_tracing")
    at.number_input(key="mechanisms_samples").set_value(2).run()
    at.button(key="trace").click().run()
    (trace_read,) = view_of(at).results.of(TRACES).values()
    images = groups(answer, token_targets_of(answer, TARGET))[0].positions
    places = restoring.places_of(answer, TARGET, GROUPS)
    expected = trace(llava, answer, TARGET, Noise(images, 3.0, 2), places)
    np.testing.assert_allclose(trace_read.trace.logprob, expected.logprob, atol=1e-4)
    assert f"total effect {expected.total.mean():.3f} ± {expected.total.std():.3f} nats" in captions(at)
    at.segmented_control(key="mechanisms_traced_in").select("probability").run()
    shown = [float(str(row["effect"])) for row in told(at, "effect on p") if "effect" in row]
    given = (expected.probability - expected.corrupted_probability[:, None, None, None]).mean(0)[0]
    np.testing.assert_allclose(sorted(shown), sorted(given.flatten()), atol=1e-4)
    assert "as in Meng et al." in captions(at)
    menu = next(box for box in at.selectbox if str(box.key).startswith("trace_keys"))
    menu.select(1).run()  # by keyboard, which does what a click on the map does
    assert view_of(at).traced_layer == 1
    at.button(key="trace_patches").click().run()
    patches = [row for row in told(at, "effect (nats)") if "position" in row]
    assert len(patches) == 16 and all(np.isfinite(float(str(row["value"]))) for row in patches)
    assert "gives back" in captions(at) and "± " in captions(at)


def test_features_that_noise_does_not_reach_are_told_of(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "causal_tracing")
    at.number_input(key="mechanisms_samples").set_value(1).run()
    at.button(key="trace").click().run()
    assert "noise on image tokens does not reach" not in captions(at)
    ((key, trace_read),) = view_of(at).results.of(TRACES).items()
    view_of(at).results.keep(TRACES, key, replace(trace_read, trace=replace(trace_read.trace, chained=False)))
    at.run()
    assert "noise on image tokens does not reach" in captions(at)


def test_another_picture_is_a_changed_scene_or_a_blank_one(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "causal_tracing")
    at.segmented_control(key="mechanisms_corrupt_4").select("another picture").run()
    box = next(box for box in at.selectbox if str(box.key).startswith("mechanisms_other_"))
    assert "house" in box.options[0] and "a blank one of its mean colour" in box.options
    at.button(key="trace").click().run()
    box = next(box for box in at.selectbox if str(box.key).startswith("mechanisms_other_"))
    box.select_index(len(box.options) - 1).run()
    at.button(key="trace").click().run()
    assert len({trace_read.trace.total[0] for trace_read in view_of(at).results.of(TRACES).values()}) == 2
    assert "itself, blurred" in captions(at)


def test_words_are_traced_one_by_one(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "causal_tracing")
    at.segmented_control(key="mechanisms_corrupt_4").select("noise on words").run()
    at.segmented_control(key="mechanisms_rows").select("word by word").run()
    at.button(key="trace").click().run()
    (trace_read,) = view_of(at).results.of(TRACES).values()
    names = [place.name for place in trace_read.trace.places]
    assert names[0] == "image" and "1: What" in names and names[-1] == "last"


def test_a_stopped_trace_keeps_what_is_done(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava), "causal_tracing")

    def stopped(*arguments: object, **named: object) -> object:
        cancel, heard = CancelToken(), []

        def stop(done: float) -> None:
            heard.append(done)
            if done > 0.3:
                cancel.cancel()

        return trace(*arguments, **{**named, "cancel": cancel, "progress": stop})  # type: ignore[arg-type]

    monkeypatch.setattr("core.perturb.outcomes.AT_ONCE", 2)
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "trace", stopped)
        at.button(key="trace").click().run()
    (trace_read,) = view_of(at).results.of(TRACES).values()
    assert 0.3 < trace_read.trace.complete < 0.5 and "of it was done" in captions(at)
    at.button(key="trace").click().run()
    assert [trace_read.trace.complete for trace_read in view_of(at).results.of(TRACES).values()] == [1.0]
