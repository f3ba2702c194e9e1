"""Settings that describe themselves become controls, and come back as settings."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.explainers.registry import explainers
from core.ui.widgets.controls import changed


def page(key: str, columns: bool = False) -> None:
    import dataclasses

    import streamlit as st

    from core import settings as kinds
    from core.errors import SettingsError
    from core.ui.widgets.controls import settings_form
    from core.vlm.model import ModelCard

    @dataclasses.dataclass(frozen=True)
    class Settings:
        whole: int = kinds.number(3, "Whole", minimum=1, maximum=9)
        real: float = kinds.number(0.5, "Real", minimum=0.0, maximum=2.0, step=0.25)
        way: str = kinds.choice("mean", "Way *of* it", ("mean", "max"))
        on: bool = kinds.switch(True, "On")
        layers: tuple[int, ...] | None = kinds.layers()
        heads: tuple[int, ...] | None = kinds.heads()
        words: str = kinds.text("what", "Words")
        few: float = kinds.number(0.1, "Few", minimum=0.0, maximum=1.0, offered=(0.01, 0.5))
        none: int | None = kinds.number(None, "None", minimum=0, maximum=9, without="automatic")
        fine: float = kinds.number(0.01, "Fine", minimum=0.0, maximum=1.0, step=0.005)

        def __post_init__(self) -> None:
            if self.whole == 9 and self.on:
                raise SettingsError("Nine cannot be on.")

    card = ModelCard("m", "m", "llava", 1, "float32", "cpu", 3, 4, 4, 8, 9, "1 x 1", "f")
    try:
        st.session_state["made"] = settings_form(Settings, card, key, st.columns(2) if columns else ())
    except SettingsError as error:
        st.text(str(error))


def opened(columns: bool = False) -> AppTest:
    at = AppTest.from_function(page, kwargs={"key": "some", "columns": columns}, default_timeout=60).run()
    assert not at.exception
    return at


def test_controls_begin_at_the_defaults() -> None:
    made = opened().session_state["made"]
    assert made == type(made)()
    assert changed(made) == {}


def test_what_is_set_comes_back_with_its_type() -> None:
    at = opened()
    at.number_input(key="some_whole").set_value(7)
    at.number_input(key="some_real").set_value(1.25)
    at.selectbox(key="some_way").select("max")
    at.toggle(key="some_on").set_value(False)
    at.multiselect(key="some_layers_3").set_value([2, 0])
    at.text_input(key="some_words").set_value("why")
    at.run()
    made = at.session_state["made"]
    assert (made.whole, made.real, made.way, made.on) == (7, 1.25, "max", False)
    assert isinstance(made.whole, int) and (made.layers, made.heads, made.words) == ((0, 2), None, "why")
    assert changed(made) == {
        "Whole": 7,
        "Real": 1.25,
        "Way *of* it": "max",
        "On": False,
        "Layers": (0, 2),
        "Words": "why",
    }


def test_of_a_number_one_chooses_among_those_offered_and_the_default() -> None:
    at = opened()
    slider = at.select_slider(key="some_few")
    assert slider.options == ["0.01", "0.1", "0.5"]
    slider.set_value(0.5)
    assert at.run().session_state["made"].few == 0.5


def test_a_number_that_may_be_none_begins_empty_and_is_of_its_kind() -> None:
    at = opened()
    field = at.number_input(key="some_none")
    assert field.value is None and field.placeholder == "automatic"
    field.set_value(4)
    made = at.run().session_state["made"]
    assert made.none == 4 and isinstance(made.none, int)


def test_a_number_shows_the_digits_of_its_step() -> None:
    assert opened().number_input(key="some_fine").proto.format == "%.3f"


def test_columns_are_filled_one_after_the_other() -> None:
    first, second = opened(columns=True).columns
    assert [one.key for one in first.number_input] == ["some_whole", "some_real"]
    assert [one.key for one in second.number_input] == ["some_none", "some_fine"]


def test_settings_that_do_not_go_together_say_so() -> None:
    at = opened()
    at.number_input(key="some_whole").set_value(9)
    at.run()
    assert [text.value for text in at.text] == ["Nine cannot be on."]


def test_layers_and_heads_are_those_of_the_model_and_labels_are_plain_text() -> None:
    at = opened()
    assert at.multiselect(key="some_layers_3").options == ["0", "1", "2"]
    assert at.multiselect(key="some_heads_4").options == ["0", "1", "2", "3"]
    assert at.selectbox(key="some_way").label == r"Way \*of\* it"


@pytest.mark.parametrize("key", sorted(explainers()))
def test_every_method_has_controls(key: str) -> None:
    def form(method: str) -> None:
        import streamlit as st

        from core.explainers.registry import explainers
        from core.ui.widgets.controls import settings_form
        from core.vlm.model import ModelCard

        card = ModelCard("m", "m", "llava", 1, "float32", "cpu", 3, 4, 4, 8, 9, "1 x 1", "f")
        st.session_state["made"] = settings_form(explainers()[method].Settings, card, method)

    at = AppTest.from_function(form, kwargs={"method": key}, default_timeout=60).run()
    assert not at.exception
    assert at.session_state["made"] == explainers()[key].Settings()


def test_a_method_whose_settings_do_not_go_together_is_left_out_with_a_sentence() -> None:
    def page() -> None:
        from dataclasses import dataclass
        from unittest.mock import patch

        import streamlit as st

        from core.errors import SettingsError
        from core.explainers.raw_attention import RawAttention
        from core.explainers.rollout import Rollout
        from core.ui.relevancy import methods
        from core.ui.state.maps import Recommended
        from core.vlm.model import ModelCard

        @dataclass(frozen=True)
        class Settings:
            def __post_init__(self) -> None:
                raise SettingsError("These two do not go together.")

        class Strict(RawAttention):
            pass

        Strict.Settings = Settings  # type: ignore[assignment]
        st.session_state[methods.CHOSEN] = ["strict", "rollout"]
        card = ModelCard("m", "m", "llava", 1, "float32", "cpu", 3, 4, 4, 8, 9, "1 x 1", "f")
        known = {"strict": Strict(), "rollout": Rollout()}
        with (
            patch.object(methods, "explainers", lambda: known),
            patch.object(methods, "recommended_for", lambda *_: Recommended("rollout")),
        ):
            st.session_state["orders"] = [order.method for order in methods.choose(card)]

    at = AppTest.from_function(page, default_timeout=60).run()
    assert not at.exception
    assert at.session_state["orders"] == ["rollout"]
    assert [text.value for text in at.text] == ["These two do not go together."]
