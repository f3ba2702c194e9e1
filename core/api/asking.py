"""Load a model and ask it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from ..answer import Answer, Decoding, Question
from ..clips import Video, Visual
from ..videos import open_video
from ..vlm import generation, loading
from ..vlm.cancel import CancelToken
from ..vlm.keeping import KeepRows
from ..vlm.loading import EMBEDDED, DType, ModelSpec, Quantisation, source_named
from ..vlm.model import VisionLanguageModel
from ..vlm.replay import checked


def load_model(
    model: str | Path | ModelSpec | None = None,
    *,
    device: str = "auto",
    precision: DType = "auto",
    quantisation: Quantisation = "none",
    adapter: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
    check: bool = True,
    anyway: bool = False,
) -> VisionLanguageModel:
    """The embedded model, its twin ("honest-twin"), or that of a folder or hub id (with @revision); a hub model that is
    not on this machine is fetched.

    `device` "auto" is the first GPU, or several where one is too small, else the processor; `precision` "auto" is
    bfloat16 for weights stored in 16 bits where the device computes in it, else float32; `quantisation` stores weights
    in 8 or 4 bit; `adapter` is the folder or hub id of a LoRA adapter to put on. `progress` is told in words what is
    going on.

    With `check` the model answers two short questions in both orders, and a warning says where it does not answer alike
    or its replays do not give its own answers again. With `anyway` a model is loaded that is not expected to fit into
    memory. Raises ModelUnavailable.
    """
    if not isinstance(model, ModelSpec):
        source = EMBEDDED.source if model is None else source_named(str(model))
        model = ModelSpec(source, precision, device, quantisation, None if adapter is None else str(adapter))
    loaded = loading.load_model(model, progress, anyway=anyway)
    if check:
        outcome = checked(loaded)
        loaded.forget()
        if not outcome.negligible:
            warnings.warn(outcome.sentence, stacklevel=2)
    return loaded


def load_video(
    model: VisionLanguageModel,
    file: str | Path,
    *,
    frames: int | None = None,
    fps: float | None = None,
    cancel: CancelToken | None = None,
) -> Video:
    """The frames of a video file (MP4, WebM or GIF) that this model's processor takes, with their times:
    `ask(model, "What happens?", load_video(model, "street.mp4"))`.

    `frames` asks for so many, `fps` for so many a second, where the processor's settings are not wanted; it is its rule
    that chooses them. `clip.times` says when each is shown, `clip.rule` how they were chosen. Raises UnreadableVideo,
    UnusableVideo for a model that takes no video, and Cancelled.
    """
    stop = (cancel or CancelToken()).check
    return open_video(Path(file), lambda facts: model.choose_frames(facts, frames, fps), stop=stop)


def ask(
    model: VisionLanguageModel,
    question: str | Question,
    *images: Visual,
    decoding: Decoding | None = None,
    keep_attention: bool | KeepRows = True,
    cancel: CancelToken | None = None,
) -> Answer:
    """What the model says to a question, about pictures or without: `ask(model, "What color is it?", "street.png")`. A
    video (`load_video`) may stand in the place of a picture.

    The attention rows of a long answer are large (layers x heads x tokens x positions): `keep_attention` may say
    `KeepRows(last=64)`, `KeepRows(layers=(20, 24))` or False. What is not kept is computed again where it is needed.

    A Question has pictures and decoding of its own: then neither is given beside it. Raises UnreadableImage and
    QuestionError.
    """
    if isinstance(question, str):
        question = Question(question, images, decoding=decoding)
    elif images or decoding is not None:
        raise ValueError("a Question brings its own pictures and decoding: give them there")
    return generation.ask(model, question, cancel=cancel, keep_attention=keep_attention)


def measure_grid(
    model: VisionLanguageModel,
    answer: Answer,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Answer:
    """The answer with a place in the picture for every image token, measured where nobody has described the model's
    family: by about 25 passes of its vision tower for each size of picture, whose outcome is kept. Later answers about
    pictures of this size have their places from the start.

    `answer.layout.measured` is the correlation of what was measured with a raster. Raises NotApplicable, with the
    reason, where no raster fits, OtherModel and Cancelled.
    """
    return model.measure_grid(answer, cancel=cancel, progress=progress)
