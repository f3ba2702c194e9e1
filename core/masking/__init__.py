"""Hiding regions of a picture: what a drawing covers, what stands in its place, and which image tokens that hides."""

from .drawing import rasterize
from .fills import FILL_NAMES, Canvas, apply_mask, as_seen, fill_named, unmasked
from .frames import through_frames, whole_frames
from .patches import (
    covered_patches,
    finest_views,
    marked_centres,
    patch_coverage,
    pixels_of,
    segments_under,
    snap_to_patches,
)
from .regions import in_regions

__all__ = [
    "FILL_NAMES",
    "Canvas",
    "apply_mask",
    "as_seen",
    "covered_patches",
    "fill_named",
    "finest_views",
    "in_regions",
    "marked_centres",
    "patch_coverage",
    "pixels_of",
    "rasterize",
    "segments_under",
    "snap_to_patches",
    "through_frames",
    "unmasked",
    "whole_frames",
]
