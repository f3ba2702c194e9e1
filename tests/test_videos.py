"""Video files: which frames come of them, and what is refused in a sentence."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core.clips import ChosenFrames, Video, VideoFacts
from core.errors import UnreadableVideo
from core.videos import Choose, open_video
from core.vlm.cancel import Cancelled, CancelToken
from tests.videos import encoded_video

WANTED = (0, 5, 6, 17, 23)


def taking(*indices: int) -> Choose:
    return lambda facts: ChosenFrames(indices)


def gif(frames: int = 6) -> bytes:
    file = io.BytesIO()
    first, *others = [Image.new("L", (40, 30), 40 * number) for number in range(frames)]
    first.save(file, "GIF", save_all=True, append_images=others, duration=250)
    return file.getvalue()


def greys(video: Video) -> list[float]:
    return [float(np.asarray(frame).mean()) for frame in video.frames]


@pytest.mark.parametrize(("container", "codec"), [("mp4", "mpeg4"), ("webm", "libvpx")])
def test_the_chosen_frames_come_with_their_times(container: str, codec: str) -> None:
    seen: list[VideoFacts] = []

    def choose(facts: VideoFacts) -> ChosenFrames:
        seen.append(facts)
        return ChosenFrames(WANTED, "by hand")

    video = open_video(encoded_video(container, codec), choose, "street.mp4")
    assert seen == [VideoFacts(24, 8.0, 64, 48)]
    assert greys(video) == pytest.approx([8 * number for number in WANTED], abs=5)
    assert video.clip.times == pytest.approx([number / 8 for number in WANTED], abs=2e-3)
    assert (video.clip.indices, video.clip.rule, video.clip.name) == (WANTED, "by hand", "street.mp4")


def test_frames_of_a_gif_are_drawn_over_those_before() -> None:
    video = open_video(gif(), taking(0, 3, 5))
    assert greys(video) == [0, 120, 200] and video.clip.times == (0, 0.75, 1.25)
    assert {frame.mode for frame in video.frames} == {"RGB"}


def test_a_video_that_was_held_upright_is_upright() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as writer:
        stream = writer.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        lit_on_the_left = np.zeros((48, 64, 3), np.uint8)
        lit_on_the_left[:, :32] = 255
        writer.mux([*stream.encode(av.VideoFrame.from_ndarray(lit_on_the_left, format="rgb24")), *stream.encode()])
    data = bytearray(file.getvalue())
    # The matrix in the track's header, as a phone writes it: a quarter turn clockwise.
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    [frame] = open_video(bytes(data), taking(0)).frames
    assert frame.size == (48, 64)
    pixels = np.asarray(frame).astype(float)
    assert pixels[:28].mean() > 240 and pixels[36:].mean() < 15


def sound_alone() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as writer:
        stream = writer.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        writer.mux([*stream.encode(sound), *stream.encode()])
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (encoded_video()[:-300], r"is truncated: [\d,]+ of [\d,]+ bytes are there"),
        (encoded_video("webm", "libvpx")[:900], r"is truncated: 900 of [\d,]+ bytes"),
        (b"\x1aE\xdf\xa3" + bytes(900), "damaged or truncated"),
        (sound_alone(), "holds sound and no frames"),
        # Playlists name other files and addresses.
        (b"#EXTM3U\nhttp://127.0.0.1/secret\n", "is not a video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "is not a video"),
    ],
)
def test_what_is_no_whole_video_is_refused_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableVideo, match=sentence):
        open_video(data, taking(0), "../street<b>.mp4")


def test_what_would_take_too_much_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded_video()
    monkeypatch.setattr("core.videos.MAX_CHOSEN_BYTES", 3 * 64 * 48 * 4)
    with pytest.raises(UnreadableVideo, match="Choose up to 4 frames"):
        open_video(data, taking(*WANTED))
    monkeypatch.setattr("core.videos.MAX_FRAMES", 10)
    with pytest.raises(UnreadableVideo, match="more than 10 frames"):
        open_video(data, taking(0))
    monkeypatch.setattr("core.videos.MAX_PIXELS", 1000)
    with pytest.raises(UnreadableVideo, match="64 × 48 pixels"):
        open_video(data, taking(0))
    monkeypatch.setattr("core.videos.MAX_BYTES", 1000)
    with pytest.raises(UnreadableVideo, match="at most"):
        open_video(data, taking(0))


def test_reading_stops_when_it_is_told_to() -> None:
    token = CancelToken()

    def choose(facts: VideoFacts) -> ChosenFrames:
        token.cancel()
        return ChosenFrames((23,))

    with pytest.raises(Cancelled):
        open_video(encoded_video(), choose, stop=token.check)


def test_without_the_package_a_sentence_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(encoded_video())
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnreadableVideo, match=r"PyAV.*sightline\[video\]"):
        open_video(tmp_path / "a.mp4", taking(0))
