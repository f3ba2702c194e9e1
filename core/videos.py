"""Opening videos that nobody vouches for.

A video is judged before it is decoded: by its size in bytes, by its signature (never by its name), by what its
container holds and by the width and height it declares. Its frames are counted by their packets, which decodes nothing;
whoever asks chooses among them, and only these, and those that they build on, are decoded. They become pictures as
`images.py` makes them: RGB, upright, not too large. Everything else is an `UnreadableVideo` whose text is a sentence
for the screen.

Files are read by PyAV (the extra `video`), which is handed bytes and the name of one of three containers: no other
reader of FFmpeg's, and none that would follow a reference to another file or address, ever sees an untrusted file.
"""

from __future__ import annotations

import bisect
import contextlib
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from PIL import Image

from .clips import ChosenFrames, Clip, Video, VideoFacts
from .errors import UnreadableVideo
from .images import as_image, display_name, plain_name
from .reading import opened

MAX_BYTES = 2 * 2**30
MAX_PIXELS = 36_000_000
"""Of a frame: 8K is opened."""
MAX_FRAMES = 500_000
"""In a file: four and a half hours at 30 a second."""
MAX_CHOSEN_BYTES = 2**30
"""What the chosen frames may take as pixels."""
FORMATS = "MP4, WebM or GIF"
_CONTAINERS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
)
"""Where a signature stands, the signature, and FFmpeg's reader."""

Choose = Callable[[VideoFacts], ChosenFrames]
"""Which frames of a video are wanted."""


def is_video(data: bytes) -> bool:
    """Whether a file that begins so is of a kind that is opened as a video. Every GIF is, animated or not."""
    return _container(data) is not None


def open_video(source: Path | bytes, choose: Choose, name: str = "", stop: Callable[[], None] = lambda: None) -> Video:
    """The frames of a video that `choose` wants, with their times.

    `source` is a file or what it holds, `name` appears in messages and figures. `stop` is called between frames, and
    may raise to end the work. Raises UnreadableVideo, and whatever `choose` and `stop` raise.
    """
    name = plain_name(name or (source.name if isinstance(source, Path) else "")) or "video"
    shown = display_name(name)
    av = _library()
    with _opened(source, shown) as file:
        container = _container(file.read(16))
        if container is None:
            raise UnreadableVideo(
                f"{shown} is not a video that is opened here, whatever its name says. Save it as {FORMATS}."
            )
        _check_whole(file, container, shown)
        try:
            with _reading(av, file, container) as reader:
                stream = _stream(reader, shown)
                packets = _packets(reader, stream, shown, stop)
                size = (stream.codec_context.width, stream.codec_context.height)
                facts = VideoFacts(len(packets.times), _rate(stream, packets), *size)
            chosen = choose(facts)
            _check_chosen(chosen.indices, facts, shown)
            # Read anew: not every container can be gone back in.
            with _reading(av, file, container) as reader:
                frames = _decoded(reader, packets, chosen.indices, shown, stop)
        except (av.error.FFmpegError, EOFError) as error:
            raise UnreadableVideo(_damage(error, shown)) from error
    if len({frame.size for frame in frames}) > 1:
        raise UnreadableVideo(f"The frames of {shown} change their size. Save the video again in one size.")
    seconds = tuple(packets.seconds(packets.times[index]) for index in chosen.indices)
    return Video(frames, Clip(0, seconds, chosen.indices, facts.rate, facts.total, name, chosen.rule))


@dataclass(frozen=True)
class _Packets:
    """When the frames of a stream are shown, in units of its time base (in seconds) and in order, and at which of these
    times decoding can begin."""

    times: tuple[int, ...]
    keys: tuple[int, ...]
    base: Fraction

    def seconds(self, time: int) -> float:
        """A time in seconds from the first frame on."""
        return float((time - self.times[0]) * self.base)

    def begin(self, time: int) -> int:
        """Where decoding begins for the frame of a time."""
        number = bisect.bisect_right(self.keys, time)
        return self.keys[number - 1] if number else self.times[0]

    @property
    def longest_wait(self) -> int:
        """Twice the mean distance of two frames: what a frame that comes late may be late."""
        return 2 * max(1, (self.times[-1] - self.times[0]) // max(1, len(self.times) - 1))


def _library() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise UnreadableVideo(
            f"Videos are read by the package PyAV, which cannot be used here ({error}). Install it (pip install "
            "'sightline[video]') and start Sightline again."
        ) from error
    av.logging.set_level(None)
    return av


@contextlib.contextmanager
def _reading(av: ModuleType, file: BinaryIO, container: str) -> Iterator[Any]:
    """The container from its beginning, decoded on two threads at most."""
    file.seek(0)
    with av.open(file, mode="r", format=container) as reader:
        for stream in reader.streams.video[:1]:
            if stream.codec_context is not None:
                stream.codec_context.thread_count = 2
                # What frames say of themselves may be other than what the container says.
                stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield reader


@contextlib.contextmanager
def _opened(source: Path | bytes, shown: str) -> Iterator[BinaryIO]:
    """The file, no larger than is opened. Raises UnreadableVideo."""
    try:
        file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else opened(source)
    except OSError as error:
        raise UnreadableVideo(f"{shown} cannot be read ({error.strerror}). Put it back and try again.") from error
    with file:
        size = file.seek(0, io.SEEK_END)
        if not size:
            raise UnreadableVideo(f"{shown} is empty (0 bytes). Save or download the video again.")
        if size > MAX_BYTES:
            raise UnreadableVideo(
                f"{shown} has {size / 2**20:,.0f} MB, and at most {MAX_BYTES / 2**20:,.0f} MB are opened. Cut it or "
                "scale it down."
            )
        file.seek(0)
        yield file


def _container(start: bytes) -> str | None:
    return next((name for at, sign, name in _CONTAINERS if start[at : at + len(sign)] == sign), None)


def _check_whole(file: BinaryIO, container: str, shown: str) -> None:
    """Raises UnreadableVideo for a file that is shorter than its outermost parts say."""
    size = file.seek(0, io.SEEK_END)
    if container == "mov":
        end = _end_of_boxes(file, size)
    elif container == "matroska":
        end = _end_of_segment(file, size)
    else:
        return
    if end > size:
        raise UnreadableVideo(
            f"{shown} is truncated: {size:,} of {end:,} bytes are there. Save or download the video again."
        )


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Where the last box of an MP4 ends: each begins with its length and its name."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length = int.from_bytes(file.read(4), "big")
        file.seek(at + 8)
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:  # to the end of the file, or damaged
            return size
        at += length
    return at


def _end_of_segment(file: BinaryIO, size: int) -> int:
    """Where the segment after a WebM's header ends; the file's own end where it does not say."""
    at = 0
    for _ in range(2):
        file.seek(at)
        start = file.read(12)
        if len(start) < 12:
            return size
        # The length stands after an identifier of four bytes, in as many bytes as its leading zero bits say.
        width = 9 - start[4].bit_length()
        length = int.from_bytes(start[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if width > 8 or length == (1 << 7 * width) - 1:  # not known, as of what is recorded live
            return size
        at += 4 + width + length
    return at


def _stream(reader: Any, shown: str) -> Any:
    """The first stream of frames. Raises UnreadableVideo."""
    if not reader.streams.video:
        what = "sound and no frames" if reader.streams.audio else "no frames"
        raise UnreadableVideo(f"{shown} holds {what}. Choose a video.")
    stream = reader.streams.video[0]
    if stream.codec_context is None:
        raise UnreadableVideo(f"{shown} is written in a way that cannot be decoded here. Save it as {FORMATS}.")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width < 1 or height < 1:
        raise UnreadableVideo(f"{shown} says nothing of the size of its frames. Save it again.")
    if width * height > MAX_PIXELS:
        raise UnreadableVideo(
            f"The frames of {shown} are {width:,} × {height:,} pixels ({width * height / 1e6:,.0f} megapixels), and at "
            f"most {MAX_PIXELS / 1e6:.0f} are opened. Scale the video down."
        )
    return stream


def _check_chosen(indices: Sequence[int], facts: VideoFacts, shown: str) -> None:
    """Raises UnreadableVideo where these frames would take too much memory, ValueError where they are no frames."""
    if not indices or list(indices) != sorted(indices) or not 0 <= indices[0] <= indices[-1] < facts.total:
        raise ValueError(f"the frames {list(indices)} are not frames of {facts.total} in their order")
    each = facts.width * facts.height * 3
    if (taken := len(indices) * each) > MAX_CHOSEN_BYTES:
        raise UnreadableVideo(
            f"{len(indices):,} frames of {shown} would take {taken / 2**30:.1f} GB as pixels, and at most "
            f"{MAX_CHOSEN_BYTES / 2**30:.0f} GB are decoded. Choose up to {MAX_CHOSEN_BYTES // each} frames, or scale "
            "the video down."
        )


def _packets(reader: Any, stream: Any, shown: str, stop: Callable[[], None]) -> _Packets:
    """The packets of the stream, undecoded. Raises UnreadableVideo where there are none, or too many."""
    times: list[int] = []
    keys: list[int] = []
    for packet in reader.demux(stream):
        stop()
        if packet.pts is None or not packet.size or packet.is_discard:
            continue
        times.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
        if len(times) > MAX_FRAMES:
            raise UnreadableVideo(f"{shown} has more than {MAX_FRAMES:,} frames. Cut out what you want to ask about.")
    if not times:
        raise UnreadableVideo(f"{shown} has no frames: it is empty, or truncated. Save or download it again.")
    times = sorted(set(times))
    # A frame of a GIF is drawn over the one before.
    begins = times[:1] if reader.format.name == "gif" else sorted(keys)
    return _Packets(tuple(times), tuple(begins), stream.time_base)


def _rate(stream: Any, packets: _Packets) -> float:
    """Frames a second: as the file says, or else as the frames come."""
    rate = float(stream.average_rate or 0)
    if not (math.isfinite(rate) and 0 < rate <= 1000):
        lasting = packets.seconds(packets.times[-1])
        rate = (len(packets.times) - 1) / lasting if lasting > 0 else 1.0
    return rate


def _decoded(
    reader: Any, packets: _Packets, indices: Sequence[int], shown: str, stop: Callable[[], None]
) -> tuple[Image.Image, ...]:
    """The frames of these numbers. From where it stands, decoding goes on to the next wanted one, or begins anew where
    the file has a place to begin between them. Raises UnreadableVideo where one does not come."""
    stream = reader.streams.video[0]
    kept: dict[int, Image.Image] = {}
    frames = iter(reader.decode(stream))
    # The frame that is shown, and the one after it where that is decoded already.
    current: Any = None
    ahead: Any = None
    for time in sorted({packets.times[index] for index in indices}):
        reached = packets.times[0] if current is None else max(frame.pts for frame in (current, ahead or current))
        if packets.begin(time) > reached:
            reader.seek(packets.begin(time), stream=stream)
            frames, current, ahead = iter(reader.decode(stream)), None, None
        while current is None or current.pts < time:
            stop()
            frame, ahead = ahead or next(frames, None), None
            if frame is None:
                break
            if frame.pts is None:
                continue
            if current is not None and frame.pts > time:
                # Not every packet is a frame: then the one before is shown.
                ahead = frame
                break
            current = frame
        if current is None or time - current.pts > packets.longest_wait:
            raise UnreadableVideo(
                f"{shown} is damaged or truncated: its frame at {packets.seconds(time):.1f} seconds cannot be decoded. "
                "Save or download it again."
            )
        kept[time] = _image(current)
    return tuple(kept[packets.times[index]] for index in indices)


def _image(frame: Any) -> Image.Image:
    """A decoded frame as a picture: upright, over white where it is transparent."""
    transparent = any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
    pixels = frame.to_ndarray(format="rgba" if transparent else "rgb24")
    image = Image.fromarray(pixels)
    turned = image.rotate(frame.rotation, expand=True) if frame.rotation else image
    return as_image(turned)


def _damage(error: Exception, shown: str) -> str:
    what = getattr(error, "strerror", None) or type(error).__name__
    return (
        f"{shown} is damaged or truncated, or written in a way that cannot be decoded here ({what[:120]}). Save or "
        f"download it again, as {FORMATS}."
    )
