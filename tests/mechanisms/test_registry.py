"""Every mechanism is known by its file and describes itself; a new file is all that a new one takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.mechanisms.base import Mechanism
from core.mechanisms.registry import mechanisms
from core.plugins import description
from core.settings import checked, controls
from tests.mechanisms.dropped import A_MECHANISM, dropped

LENSES = ["head_contributions", "logit_lens", "attention_knockout", "head_ablation", "causal_tracing"]
KEYS = sorted(mechanisms())


@pytest.fixture
def folder(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A second folder that counts as the package's."""
    with dropped(tmp_path):
        yield tmp_path


def test_mechanisms_come_in_the_order_that_they_declare() -> None:
    known = mechanisms()
    assert [key for key in known if key in LENSES] == LENSES
    orders = [(one.order, one.name) for one in known.values()]
    assert orders == sorted(orders) and len({name for _, name in orders}) == len(orders)
    assert all(key == one.key for key, one in known.items())


@pytest.mark.parametrize("key", KEYS)
def test_a_mechanism_describes_itself(key: str) -> None:
    mechanism = mechanisms()[key]
    assert len(description(mechanism)) > 60 and description(mechanism) != description(Mechanism)
    assert "\n" not in mechanism.caveat and len(mechanism.caveat) < 180
    settings = mechanism.Settings()
    assert checked(settings, 3, 4) is settings
    assert all(control.label for control in controls(mechanism.Settings))


def test_a_new_file_shows_up_at_its_place(folder: Path) -> None:
    (folder / "dull.py").write_text(A_MECHANISM.format(key="dull", caveat='caveat = "None."'))
    assert description(mechanisms()["dull"]) == "It finds the same in every head."
    assert list(mechanisms())[2] == "dull"


def test_two_mechanisms_of_one_key_are_refused(folder: Path) -> None:
    (folder / "dull.py").write_text(A_MECHANISM.format(key="logit_lens", caveat='caveat = "None."'))
    with pytest.raises(ValueError, match="two plugins are called 'logit_lens'"):
        mechanisms()


def test_a_mechanism_without_a_caveat_is_refused(folder: Path) -> None:
    (folder / "dull.py").write_text(A_MECHANISM.format(key="dull", caveat=""))
    with pytest.raises(ValueError, match="has no caveat"):
        mechanisms()
