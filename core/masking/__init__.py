"""Hiding regions of a picture: what a drawing covers, what stands in its place, and which image tokens that hides."""

from core.masking.drawing import rasterize
from core.masking.fills import apply_mask, as_seen, unmasked
from core.masking.patches import covered_patches, finest_views, patch_coverage, pixels_of, snap_to_patches

__all__ = [
    "apply_mask",
    "as_seen",
    "covered_patches",
    "finest_views",
    "patch_coverage",
    "pixels_of",
    "rasterize",
    "snap_to_patches",
    "unmasked",
]
