"""Files that somebody chose or pasted: pictures as they are, and videos as the frames that the model's processor
takes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...clips import ChosenFrames, VideoFacts
from ...errors import UnreadableImage, UnreadableVideo, UnusableVideo
from ...images import MAX_BYTES, moves, open_image, plain_name
from ...videos import is_video, open_video
from ...vlm.model import VisionLanguageModel
from ..jobs.job import may_stop_here
from ..state.workspace import NamedImage, Workspace

GIF = b"GIF8"
UNNAMED = "picture"
MOST_MEGABYTES, PICTURE_MEGABYTES = 200, MAX_BYTES // 2**20
"""Of a video and of a picture that is uploaded."""
ANY_VIDEO = VideoFacts(600, 30.0, 640, 480)
"""Twenty seconds, as every model takes them that takes videos."""


def largest_upload(model: VisionLanguageModel) -> int:
    """The most megabytes of a file that is chosen or pasted: of a video, where the model takes such."""
    try:
        model.choose_frames(ANY_VIDEO)
    except UnusableVideo:
        return PICTURE_MEGABYTES
    return MOST_MEGABYTES


def accept(workspace: Workspace, model: VisionLanguageModel, files: Sequence[tuple[bytes, str]]) -> bool:
    """Take over uploaded or pasted pictures and videos, each with its name, made plain. If one cannot be used, the
    former ones stay and a sentence says why."""
    try:
        images = [_opened(workspace, model, data, plain_name(name) or UNNAMED) for data, name in files]
    except (UnreadableImage, UnreadableVideo, UnusableVideo) as error:
        workspace.image_trouble = str(error)
        return False
    if images:
        workspace.take_images(*images)
    return True


def _opened(workspace: Workspace, model: VisionLanguageModel, data: bytes, name: str) -> NamedImage:
    """A file as what is asked about. A GIF that moves is a picture, its first frame, where it cannot be a video."""
    gif = data.startswith(GIF)
    if not is_video(data) or (gif and not moves(data)):
        return NamedImage(open_image(data, name, may_stop_here), name)
    try:
        return _frames(workspace, model, data, name)
    except (UnreadableVideo, UnusableVideo) as error:
        if not gif:
            raise
        note = f"Its first frame was taken as a picture. {error}"
        return NamedImage(open_image(data, name, may_stop_here), name, note=note)


def _frames(workspace: Workspace, model: VisionLanguageModel, data: bytes, name: str) -> NamedImage:
    # What no package would change is said before a missing one.
    model.choose_frames(ANY_VIDEO)

    def choose(facts: VideoFacts) -> ChosenFrames:
        return model.choose_frames(facts, workspace.frames)

    with st.spinner("Reading the video …"):
        video = open_video(data, choose, name, stop=may_stop_here)
    clip = video.clip
    note = (
        f"{len(clip)} of {clip.total:,} frames ({clip.duration:.1f} s) are shown to the model, {clip.rule} "
        f"({model.card.name})."
    )
    return NamedImage(video.frames[0], name, video=video, note=note)
