"""Words in doubt: marked in Chat by the model's calibration and no other's, and measured on Case Studies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.doubt.calibration import QUICK, Calibration, calibrations
from core.doubt.content import content_words
from core.doubt.kept import Doubt
from core.doubt.registry import signals
from core.ui.state import doubt as state
from core.ui.state.doubt import MEASURED, measured_key
from core.ui.state.workspace import Workspace
from tests.doubt.made import lines

App = Callable[..., AppTest]


def calibration(level: float) -> Doubt:
    """A calibration of both tiers that marks words above a level."""
    found, _ = calibrations(lines(120))
    leveled = tuple(replace(one, level=level) for one in found)
    return Doubt("f", "tiny", "Measured on what was made up. It holds for nothing.", 120, 120, (), leveled)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[[Doubt | None], None]:
    """What is known of the model's doubt."""

    def set_(found: Doubt | None) -> None:
        monkeypatch.setattr(state, "kept_doubt", lambda home, fingerprint: found and (found, "sightline doubt"))

    return set_


def asked(app: App, question: str = "What color is the house?", lens: str | None = None) -> AppTest:
    at = app()
    if lens is not None:
        at.session_state["lens"] = lens
    at.chat_input(key="chat_question").set_value(question).run()
    assert not at.exception
    return at


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def popovers(at: AppTest) -> list[str]:
    """The labels of the popovers of marked words."""
    return [one.proto.popover.label for one in at.get("popover") if one.proto.popover.label.endswith(" ?")]


def texts(at: AppTest) -> str:
    return "\n".join(text.value for text in at.text)


def dotted(at: AppTest) -> bool:
    return any("underline dotted" in str(getattr(one, "proto", "")) for one in at.get("html"))


def test_words_above_the_level_are_marked_with_their_reasons(app: App, known: Any) -> None:
    known(calibration(-1e9))
    at = asked(app)
    answer = work_of(at).answer
    assert answer is not None
    words = content_words(answer)
    assert words and len(popovers(at)) == len(words)
    assert "nine of ten right words have" in texts(at) and dotted(at)
    assert any("dotted line below it is in doubt" in caption.value for caption in at.caption)
    assert any(
        "a word without a mark may be wrong as well" in caption.value.replace("\\", "") for caption in at.caption
    )


def test_words_below_the_level_are_not_marked(app: App, known: Any) -> None:
    known(calibration(1e9))
    at = asked(app)
    assert popovers(at) == [] and not dotted(at) and "In doubt" not in texts(at)


def test_without_a_calibration_there_are_no_lights_and_an_offer(app: App, known: Any) -> None:
    for found in (None, replace(calibration(-1e9), calibrations=(), uncalibrated="Too few were wrong.")):
        known(found)
        at = asked(app, lens="Doubt")
        assert popovers(at) == [] and not dotted(at)
        assert "No word is marked" in texts(at) and "Mark words in doubt" not in [one.label for one in at.toggle]
        assert at.get("page_link")
    assert "Too few were wrong." in texts(at)


def test_lights_go_out_and_the_choice_is_kept(app: App, known: Any) -> None:
    known(calibration(-1e9))
    at = asked(app, lens="Doubt")
    assert at.toggle(key="doubt_lights").value and popovers(at)
    at.toggle(key="doubt_lights").set_value(False).run()
    assert not at.exception and popovers(at) == []
    view = next(view for view in work_of(at).views if type(view).__name__ == "ChatView")
    assert view.lights is False and "lights" in view.kept


def test_what_takes_passes_is_measured_when_it_is_asked_for(
    app: App, known: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = calibration(-1e9)
    quick, full = found.calibrations
    needs_no_words = [key for key in full.keys if key != "phrasings"]
    full = replace(full, weights=tuple(weight for weight in full.weights if weight.key in needs_no_words))
    known(replace(found, calibrations=(quick, full)))
    measured: list[Calibration] = []
    unpatched = state.measured_of
    monkeypatch.setattr(state, "measured_of", lambda m, a, c, *rest: measured.append(c) or unpatched(m, a, c, *rest))
    monkeypatch.setattr(
        "core.ui.chat.doubt.measured_of", lambda m, a, c, *rest: measured.append(c) or unpatched(m, a, c, *rest)
    )
    at = asked(app, lens="Doubt")
    assert [one.tier for one in measured] == ["quick"] and set(measured[0].keys) == set(QUICK)
    assert set(at.dataframe[0].value.columns) == {
        *("word", "in doubt", "log-odds (nats)", "what speaks", "its value", "nine of ten right words have")
    }
    at.button(key="doubt_all").click().run()
    assert not at.exception and [one.tier for one in measured] == ["quick", "full"]
    work = work_of(at)
    assert work.answer is not None
    kept = work.results.get(MEASURED, measured_key(work.answer, full))
    assert kept is not None and set(kept.values) == set(needs_no_words)
    assert "doubt_all" not in [one.key for one in at.button]
    speaks = set(at.dataframe[0].value["what speaks"])
    assert speaks <= {signal.name for signal in signals().values()}


def test_text_of_a_model_never_becomes_markup(app: App, known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.doubt import marks as module
    from core.doubt.content import ContentWord

    known(calibration(-1e9))
    hostile = "**[x](http://y)**"
    monkeypatch.setattr(module, "content_words", lambda answer: (ContentWord(hostile, (0,)),))
    monkeypatch.setattr(state, "content_words", lambda answer: (ContentWord(hostile, (0,)),))
    at = asked(app)
    assert popovers(at) == [r"\*\*\[x\]\(http\:\/\/y\)\*\* ?"]


def test_case_studies_measures_and_tells_what_is_too_few(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.doubt.cases import doubt_cases
    from core.ui.cases import doubt as section
    from core.ui.cases.view import CasesView

    at = app(None)
    at.session_state["workspace"].view(CasesView).section = "Doubt"
    at.switch_page("pages/6_Case_Studies.py").run()
    assert not at.exception and "Chat marks no words" in at.info[0].value
    monkeypatch.setattr(section, "doubt_cases", lambda number: list(doubt_cases(1))[:2])
    at.button(key="doubt_run").click().run()
    at.run()
    assert not at.exception, at.exception
    assert "are needed" in texts(at) and at.code[0].value.startswith("sightline doubt --street 40 --out")
    assert "2 of 2 cases" in texts(at)
