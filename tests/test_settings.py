"""Settings that describe themselves say what they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from core.errors import SettingsError, SightlineError
from core.settings import Chosen, check_ranges, checked, choice, controls, heads, layers, number


@dataclass(frozen=True)
class Settings:
    whole: int = number(3, "Whole", minimum=1, maximum=9)
    real: float = number(0.5, "Real", minimum=0, maximum=2)
    none: int | None = number(None, "None", minimum=0, maximum=9, without="automatic")
    maybe: float | None = number(2.0, "Maybe", minimum=0.0, maximum=9.0, without="never")
    way: str = choice("mean", "Way", ("mean", "max"))
    layers: Chosen = layers()
    heads: Chosen = heads()


def test_a_number_is_whole_where_default_and_bounds_are() -> None:
    assert {one.name: one.whole for one in controls(Settings) if one.kind == "number"} == {
        "whole": True,
        "real": False,
        "none": True,
        "maybe": False,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"whole": 0},
        {"whole": None},
        {"real": 2.5},
        {"real": float("nan")},
        {"none": 10},
        {"maybe": -0.1},
        {"way": "median"},
        {"layers": ()},
        {"layers": (4,)},
        {"heads": (-1,)},
    ],
)
def test_what_is_out_of_range_is_refused_by_its_label(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(SettingsError, match=name.capitalize()):
        checked(Settings(**changes), 4, 4)


def test_none_is_a_value_where_it_has_a_name() -> None:
    settings = Settings(maybe=None)
    assert checked(settings, 4, 4) is settings


def test_ranges_can_be_checked_without_a_model() -> None:
    check_ranges(Settings(layers=(99,)))
    with pytest.raises(SightlineError):
        check_ranges(Settings(whole=0))
