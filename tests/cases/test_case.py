"""A case opens its pictures when it is asked, and says what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from core.cases.case import Case
from core.errors import UnreadableImage


def test_a_case_opens_its_files_and_takes_pictures_as_they_are(tmp_path: Path) -> None:
    Image.new("RGB", (6, 4), "red").save(tmp_path / "red.png")
    drawn = Image.new("RGB", (3, 3))
    question = Case("1", "What color?", ("red",), "contains", (tmp_path / "red.png", drawn)).asked()
    assert question.text == "What color?"
    assert question.images[0].size == (6, 4)
    assert question.images[1] is drawn


def test_a_picture_that_went_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"“gone.png” cannot be read"):
        Case("1", "What color?", ("red",), "contains", (tmp_path / "gone.png",)).asked()
