"""A map of a video: all its frames in a strip on one scale, which of them it lies on, and what hiding each changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Target
from ...charts.heat_images import heat_image
from ...charts.heatmap import Scale
from ...charts.moments import bars_width, moment_bars
from ...clips import Clip
from ...counted import counted
from ...geometry import Moment, clip_of, images_name, moments, seconds
from ...maps.moments import moment_shares
from ...perturb.moments import hidden_moments
from ...runs.kinds import FRAME_CHANGES
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import over_images
from ...vlm.targets import token_targets_of
from ..jobs.page import PageJobs, Report
from ..state.results import Kept, Kind, answer_key
from ..state.workspace import Workspace
from .by_keyboard import one_by_keyboard
from .chips import escaped
from .clicks import Entry, clickable
from .forecasts import foretold
from .scripts import Made, copy_script
from .strip import MOST, Tile, strip

TILE, NARROW, WIDE = 110, 320, 500
"""Widths in pixels: a small map, and the least and the most that bars and the words above them take."""
AXIS = 70
HIDDEN = Kind[tuple[float, ...]](200, run=Kept(FRAME_CHANGES, about=lambda key: {"target": key[2], "clip": key[3]}))
"""By answer, target and video: the change of the target's log-probability without each moment, as far as was read."""


def frames_section(
    workspace: Workspace,
    model: VisionLanguageModel | None,
    answer: Answer,
    target: Target,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    *,
    name: str,
    opacity: float,
    jobs: PageJobs,
) -> None:
    """The map called `name` over the video that the shown picture is a frame of; nothing where it is no frame. Without
    a model nothing is computed."""
    clip = clip_of(answer.question, workspace.shown_image)
    if clip is None:
        return
    shown = moments(answer.layout, clip)
    chosen = next(number for number, moment in enumerate(shown) if workspace.shown_image in moment.images)

    def choose(number: int) -> None:
        workspace.image_number = shown[number].images.start

    st.markdown("#### Frame by frame")
    if answer.layout.views:
        tiles = [_tile(answer, clip, moment, values, scale, opacity) for moment in shown]
        strip(tiles, "frame_maps", TILE, chosen, choose)
        together = max(len(moment.images) for moment in shown)
        st.caption(
            f"{escaped(name)}: one scale for all frames. Click a frame to see it large."
            + (f" The model reads {together} frames as one: each token stands for a place in both." * (together > 1))
        )
    _bars(workspace, model, answer, target, clip, shown, values, chosen, choose, jobs)


def _tile(
    answer: Answer, clip: Clip, moment: Moment, values: Float[np.ndarray, "position"], scale: Scale, opacity: float
) -> Tile:
    draw = partial(
        heat_image,
        answer.question.images,
        answer.layout,
        values,
        size=TILE,
        scale=scale,
        opacity=opacity,
        only=(moment.images.start,),
    )
    numbers = "–".join(dict.fromkeys(str(image - clip.first + 1) for image in (moment.images[0], moment.images[-1])))
    label = f"{numbers} · {seconds(clip, moment.images.start)} s"
    return Tile(draw, label, images_name(answer.question, moment.images))


def _bars(
    workspace: Workspace,
    model: VisionLanguageModel | None,
    answer: Answer,
    target: Target,
    clip: Clip,
    shown: Sequence[Moment],
    values: Float[np.ndarray, "position"],
    chosen: int,
    choose: Callable[[int], None],
    jobs: PageJobs,
) -> None:
    """Beside each other: where the map lies, and what is lost without each moment."""
    names = [images_name(answer.question, moment.images) for moment in shown]
    times = [seconds(clip, moment.images.start) for moment in shown]

    def clicked(entry: Entry) -> None:
        choose(int(entry["moment"]))

    def bars(figures: Sequence[float], title: str, key: str, share: bool) -> None:
        chart = moment_bars(figures, names, times, title=title, share=share, chosen=chosen, click="moment")
        clickable(chart, "moment", key, clicked, f"{title}, frame by frame; click one to see it")

    shares = moment_shares(values, shown)
    if not answer.layout.views or len(shown) > MOST:
        # Otherwise each frame has a button.
        one_by_keyboard("Frame", range(len(shown)), chosen, choose, "frames_keys", names.__getitem__)
    width = min(WIDE, max(NARROW, bars_width(len(shown)) + AXIS))
    with st.container(horizontal=True, gap="medium", key="wide_frames"):
        if np.isfinite(shares).any():
            with st.container(width=width):
                st.caption("Where the map lies: each frame's share of its positive score on the video")
                bars([float(share) for share in shares], "share of the positive score", "frame_shares", True)
        with st.container(width=width):
            key = ("frames", answer_key(answer), target, clip.content)
            changes = workspace.results.get(HIDDEN, key)
            if changes:
                st.caption("Without the frame: change of the target's log-probability (nats) when it is black")
                bars(changes, "change when hidden (nats)", "frame_changes", False)
                video = answer.question.clips.index(clip)
                copy_script(answer, Made(FRAME_CHANGES, changes, {"target": target, "video": video}))
            if model is not None and len(changes or ()) < len(shown):
                _hide(workspace, model, answer, target, shown, key, jobs)


def _hide(
    workspace: Workspace,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    shown: Sequence[Moment],
    key: Hashable,
    jobs: PageJobs,
) -> None:
    """The button that hides every moment in turn. What was read before a stop is kept."""
    clicked = st.button(
        "Hide each frame",
        icon=":material/visibility_off:",
        key="hide_frames",
        help="Frames that the model reads as one are hidden together.",
    )
    jobs.tell(key)
    st.caption(
        f"Does the answer rest on the frames that the map lies on? {counted(len(shown), 'pass', 'passes')}, each with "
        f"{'one frame' if len(shown[0].images) == 1 else 'what the model reads as one'} black."
    )

    def work(cancel: CancelToken, report: Report) -> None:
        changes: list[float] = []
        targets = token_targets_of(answer, target)
        for outcome in hidden_moments(model, answer, targets, shown, cancel=cancel, progress=report):
            changes.append(outcome.change)
            workspace.results.keep(HIDDEN, key, tuple(changes))

    told = forecast(model, answer, over_images(1 + len(shown)))
    foretold(told)
    if clicked:
        jobs.start(model, key, "hiding each frame", "frames", work, told)
