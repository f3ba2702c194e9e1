"""The map of every picture of a question beside each other, small and on one scale: a click chooses the large one."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer
from ...charts.heat_images import heat_image
from ...charts.heatmap import scale_of
from ...maps.shares import shares_by_picture
from ...masking import as_seen
from ..state.workspace import Workspace

SIZE = 110
"""Pixels of a small map's longer side."""
MOST = 12


def every_picture(
    workspace: Workspace,
    answer: Answer,
    values: Float[np.ndarray, "position"],
    key: str,
    *,
    signed: bool = False,
    opacity: float,
) -> None:
    """The maps of all pictures of an answer's question, each with its share of the score on them; nothing for one
    picture. `key` is that of the large map. Frames of a video are no pictures of their own."""
    frames = {image for clip in answer.question.clips for image in clip.images}
    placed = {view.image for view in answer.layout.views}
    pictures = [number for number in range(len(answer.question.images)) if number in placed - frames][:MOST]
    if len(pictures) < 2:
        return
    views = [view for view in answer.layout.views if view.image in pictures]
    scale = scale_of(*(values[list(view.positions)] for view in views), signed=signed)
    images, shares = as_seen(answer.question), shares_by_picture(values, answer.layout, pictures)
    with st.container(horizontal=True, gap="small", key=f"every_picture_{key}"):
        for picture, share in zip(pictures, shares, strict=True):
            with st.container(width=SIZE + 16, gap="xsmall"):
                small = heat_image(
                    images, answer.layout, values, size=SIZE, scale=scale, opacity=opacity, only=(picture,)
                )
                st.image(small, alt=f"the map of picture {picture + 1}")
                clicked = st.button(
                    f"{picture + 1}" if np.isnan(share) else f"{picture + 1}: {share:.0%}",
                    key=f"every_picture_{key}_{picture}",
                    help=f"Picture {picture + 1}, with its share of what the map gives to all of them. Click to see it "
                    "large.",
                    type="primary" if picture == workspace.shown_image else "secondary",
                    width="stretch",
                )
            if clicked:
                workspace.image_number = picture
                # The whole page, where only a part of it would be drawn again.
                st.rerun()
