"""Replace regions of one colour and ask again how likely the answer is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from PIL import Image

from ..answer import Question, TokenLayout
from ..masking import fill_named, segments_under
from ..perturb.perturbation import HiddenSegment
from ..settings import choice, number
from ._occlusion import Part, PixelOcclusion

LONGEST = 384
"""Pictures are segmented at this size at most: finer borders would fall within one image token."""


@dataclass(frozen=True)
class OcclusionSuperpixelsSettings:
    """The segments, and what stands in their place."""

    segments: int = number(
        60, "Segments", minimum=4, maximum=400, step=1, help="About so many; the picture decides in the end."
    )
    compactness: float = number(
        10.0, "Compactness", minimum=0.1, maximum=100.0, help="Low: segments follow colours; high: they are squares."
    )
    fill: str = choice("mean", "Replaced by", ("mean", "black", "blur", "noise", "inpaint"))


class OcclusionSuperpixels(PixelOcclusion):
    """The drop in log-probability of the token when a superpixel (a region of similar colour: SLIC, Achanta et al.
    2012) is replaced and the whole picture is read again, in nats. Regions follow the edges of things, as LIME's do
    (Ribeiro et al. 2016, section 3.4), but each is taken away alone and nothing is fitted.

    An image token gets the mean drop of the segments under it, weighted by their share of its pixels.
    """

    key = "occlusion_superpixels"
    name = "Hide superpixels"
    caveat = "A large segment takes more away than a small one, and segments need not be the things they look like."
    cheaper = "Fewer segments take proportionally less time; hiding image tokens reads the picture once."
    Settings = OcclusionSuperpixelsSettings

    def parts(self, question: Question, layout: TokenLayout, settings: OcclusionSuperpixelsSettings) -> list[Part]:
        fill = fill_named(settings.fill)
        segmented = [superpixels(image, settings.segments, settings.compactness) for image in question.images]
        return [
            (HiddenSegment(labels, label, fill, image), shares)
            for image, labels in enumerate(segmented)
            for label, shares in segments_under(labels, layout, image).items()
        ]

    def regions(self, question: Question, layout: TokenLayout, settings: OcclusionSuperpixelsSettings) -> int:
        return settings.segments * len(question.images)


def superpixels(image: Image.Image, segments: int, compactness: float) -> Int[np.ndarray, "height width"]:
    """The number of the segment of every pixel."""
    # Importing it takes a second, and most sessions never segment.
    from skimage.segmentation import slic

    small = image.convert("RGB")
    small.thumbnail((LONGEST, LONGEST))
    labels = slic(np.asarray(small), n_segments=segments, compactness=compactness, start_label=0, channel_axis=-1)
    return np.asarray(Image.fromarray(labels.astype(np.int32)).resize(image.size, Image.Resampling.NEAREST))
