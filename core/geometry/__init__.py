"""What a model sees of a picture: the part that its image tokens stand for, and the part that no token holds.

All of it follows from the views of a layout, which are boxes of the original picture: what they hold together is seen,
and what none of them holds (the sides that a centre crop cuts) never reaches the model, but for the few pixels
at the edge that resizing mixes in. Where a family has no views it is not known.
"""

from .moments import Moment, moments
from .names import clip_of, frames_together, image_name, images_name, seconds
from .places import place_in, several_views
from .seen import never_seen, seen_boxes, seen_pixels, share_of_region_seen, share_seen
from .words import (
    LEAST_TOLD,
    crop_note,
    hidden_note,
    percent,
    picture_notes,
    picture_records,
    place_note,
    shrink_note,
    view_in_words,
)

__all__ = [
    "LEAST_TOLD",
    "Moment",
    "clip_of",
    "crop_note",
    "frames_together",
    "hidden_note",
    "image_name",
    "images_name",
    "moments",
    "never_seen",
    "percent",
    "picture_notes",
    "picture_records",
    "place_in",
    "place_note",
    "seconds",
    "seen_boxes",
    "seen_pixels",
    "several_views",
    "share_of_region_seen",
    "share_seen",
    "shrink_note",
    "view_in_words",
]
