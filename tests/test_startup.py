"""Which model the dashboard starts with."""

from __future__ import annotations

from pathlib import Path

from core.startup import MODEL, PRECISION, first_model, needs_no_fetching, to_environment
from core.vlm.loading import EMBEDDED, ModelSpec


def test_without_variables_it_is_the_embedded_model() -> None:
    assert first_model({}) == EMBEDDED
    assert first_model({MODEL: " "}) == EMBEDDED


def test_the_variables_name_what_they_were_made_of() -> None:
    spec = ModelSpec("somebody/model", "bfloat16", "cuda:1")
    assert first_model(to_environment(spec)) == spec


def test_a_precision_that_there_is_not_is_left_to_the_model() -> None:
    assert first_model({MODEL: "a/b", PRECISION: "float7"}).dtype == "auto"


def test_only_what_is_here_or_nowhere_needs_no_fetching(tmp_path: Path) -> None:
    assert needs_no_fetching(EMBEDDED)
    assert needs_no_fetching(ModelSpec(str(tmp_path / "gone")))
    assert not needs_no_fetching(ModelSpec("nobody/nothing-of-this-name"))
