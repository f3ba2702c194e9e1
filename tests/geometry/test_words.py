"""What is said of a picture of which the model sees a part."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from core.answer import Box, PatchView, TokenKind, TokenLayout
from core.geometry import (
    crop_note,
    hidden_note,
    percent,
    picture_notes,
    picture_records,
    place_note,
    shrink_note,
    view_in_words,
)
from core.images import as_image


def wide(*views: PatchView, sizes: tuple[tuple[int, int], ...] = ((2048, 300),)) -> TokenLayout:
    return TokenLayout((TokenKind.IMAGE,) * 4, views, sizes)


def crop(box: Box, image: int = 0) -> PatchView:
    return PatchView(image, "crop", 2, 2, box, (0, 1, 2, 3), resized=(96, 96))


CENTRE = wide(crop((874, 0, 1174, 300)))
WHOLE = wide(crop((0, 0, 2048, 300)))
UNKNOWN = wide()


def test_a_centre_crop_is_told_with_its_columns() -> None:
    expected = "The model sees columns 874 to 1174 of 2048: 85% of the picture is never seen."
    assert crop_note(CENTRE) == expected


def test_rows_and_both_are_told_as_they_are() -> None:
    assert crop_note(wide(crop((0, 100, 2048, 200)))) == (
        "The model sees rows 100 to 200 of 300: 67% of the picture is never seen."
    )
    both = crop_note(wide(crop((1024, 0, 2048, 150))))
    assert (
        both
        == "The model sees columns 1024 to 2048 of 2048 and rows 0 to 150 of 300: 75% of the picture is never seen."
    )


def test_one_of_several_pictures_is_named() -> None:
    layout = wide(crop((0, 0, 9, 9)), crop((0, 3, 9, 9), image=1), sizes=((9, 9), (9, 9)))
    assert crop_note(layout, 0) is None
    assert crop_note(layout, 1) == "Of picture 2 the model sees rows 3 to 9 of 9: 33% of it is never seen."


@pytest.mark.parametrize("layout", [WHOLE, UNKNOWN, wide(crop((-4, -874, 2052, 1174)))])
def test_nothing_is_said_where_all_is_seen_or_nothing_is_known(layout: TokenLayout) -> None:
    assert crop_note(layout) is None


def test_a_mask_tells_how_much_of_it_is_seen_at_all() -> None:
    hidden = np.zeros((300, 2048), bool)
    assert hidden_note(hidden, CENTRE) is None
    hidden[:, :737] = True
    assert "sees none of what is hidden" in (hidden_note(hidden, CENTRE) or "")
    hidden[:, :1024] = True
    assert hidden_note(hidden, CENTRE) == "The model sees 15% of what is hidden."
    assert hidden_note(hidden, WHOLE) is None
    assert "not known" in (hidden_note(hidden, UNKNOWN) or "")


def test_the_right_place_tells_how_much_of_it_is_seen() -> None:
    place = np.zeros((300, 2048), bool)
    place[:, :800] = True
    assert "sees nothing of the right place" in (place_note(place, CENTRE) or "")
    place[:, :1024] = True
    assert place_note(place, CENTRE) == "The model sees 15% of the right place."
    assert place_note(place, WHOLE) is None and place_note(place, UNKNOWN) is None


def test_a_picture_that_was_shrunk_says_from_what() -> None:
    large, small = as_image(Image.new("RGB", (4000, 3000))), as_image(Image.new("RGB", (40, 30)))
    assert shrink_note(large) == "The picture was 4000 × 3000 px and was shrunk to 2048 × 1536 when it was opened."
    assert shrink_note(large, 1) == "Picture 2 was 4000 × 3000 px and was shrunk to 2048 × 1536 when it was opened."
    assert shrink_note(small) is None
    # A picture made of it is of another size, by somebody who knows.
    assert shrink_note(large.resize((40, 30))) is None


def test_notes_and_records_say_the_same() -> None:
    image = Image.new("RGB", (2048, 300))
    assert picture_notes([image], CENTRE) == (crop_note(CENTRE),)
    (record,) = picture_records([image], CENTRE)
    assert json.loads(json.dumps(record)) == {
        "size": [2048, 300],
        "file_size": [2048, 300],
        "seen": pytest.approx(300 / 2048),
        "views": [{"name": "crop", "box": [874, 0, 1174, 300], "rows": 2, "columns": 2, "resized": [96, 96]}],
    }
    assert picture_records([image], UNKNOWN)[0]["seen"] is None and picture_notes([image], UNKNOWN) == ()


def test_a_view_says_what_is_given_to_the_tower() -> None:
    assert view_in_words(CENTRE.views[0], CENTRE) == (
        "columns 874 to 1174, rows 0 to 300 → 96 × 96 px → 2 × 2 image tokens, each for 150 × 150 px of the picture"
    )
    padded = wide(crop((0, -150, 2048, 450)))
    assert "50% of it padding" in view_in_words(padded.views[0], padded)


def test_a_share_never_reads_as_none_or_all_of_it_unless_it_is() -> None:
    told = [percent(share) for share in (0, 0.001, 0.5, 0.999, 1)]
    assert told == ["0%", "less than 1%", "50%", "more than 99%", "100%"]
