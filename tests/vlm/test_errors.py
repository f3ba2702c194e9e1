"""What is told of a package that cannot be imported."""

from __future__ import annotations

from core.errors import unimportable


def test_the_cause_is_told_rather_than_what_hides_it() -> None:
    error = ImportError("Could not import module 'AttentionInterface'")
    error.__cause__ = ImportError("Could not import module 'image_utils'")
    error.__cause__.__cause__ = RuntimeError("operator torchvision::nms does not exist")
    sentence = unimportable(error)
    assert (
        "(RuntimeError: operator torchvision::nms does not exist)" in sentence and "AttentionInterface" not in sentence
    )
    assert "torchvision that belongs to this torch" in sentence


def test_a_missing_requirement_is_to_be_installed() -> None:
    sentence = unimportable(ModuleNotFoundError("No module named 'causallearn'"))
    assert "'causallearn'" in sentence and "Install Sightline with its requirements again" in sentence
