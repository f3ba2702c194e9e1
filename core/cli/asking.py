"""Load a model, ask it, and tell what it said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..answer import Answer, Decoding, Question
from ..clips import Video
from ..errors import WrongOption
from ..geometry import picture_notes, picture_records
from ..images import display_name
from ..videos import open_video
from ..vlm.cancel import CancelToken
from ..vlm.foretold import rows_foretold
from ..vlm.generation import ask
from ..vlm.keeping import KeepRows
from ..vlm.loading import EMBEDDED, EMBEDDED_MODELS, DType, ModelSpec, Quantisation, load_model, source_named
from ..vlm.model import VisionLanguageModel
from ..vlm.parting import parting
from ..vlm.replay import checked
from ..workers.base import Workers
from ..workers.crew import crew
from .console import say, stoppable

Engine = Literal["local", "ray"]


def spec_of(
    source: str | None, device: str, precision: str, quantisation: str = "none", adapter: str | None = None
) -> ModelSpec:
    """The model that the options name. Raises WrongOption, also for an empty name: a variable that is not set would
    quietly run another model than was meant."""
    if source is not None and not source.strip():
        raise WrongOption("The name of the model is empty. Name one, or leave --model out for the embedded model.")
    if adapter is not None and not adapter.strip():
        raise WrongOption("The name of the adapter is empty. Name one, or leave --adapter out.")
    precise = _one_of(get_args(DType), precision, "precision")
    return ModelSpec(
        EMBEDDED.source if source is None else source_named(source),
        precise,
        device,
        _one_of(get_args(Quantisation), quantisation, "quantisation"),
        adapter,
    )


def _one_of(known: tuple[Any, ...], chosen: str, what: str) -> Any:
    if chosen not in known:
        raise WrongOption(f"There is no {what} {chosen!r}. Choose among {', '.join(known)}.")
    return chosen


def kept(model: VisionLanguageModel, last: int | None, layers: Sequence[int] | None) -> KeepRows:
    """The attention rows that the options keep. Raises WrongOption for a layer that the model does not have."""
    if layers and max(layers) >= model.card.layers:
        raise WrongOption(
            f"There is no layer {max(layers)}. {model.card.name} has layers 0 to {model.card.layers - 1}."
        )
    return KeepRows(last, tuple(layers) if layers else None)


def load(spec: ModelSpec) -> VisionLanguageModel:
    """The model, while telling what is going on, and what its self-check tells against it. Raises ModelUnavailable."""
    model = load_model(spec, lambda text: say(f"{text} ...") if spec not in EMBEDDED_MODELS.values() else None)
    if not (check := checked(model)).negligible:
        say(check.sentence)
    model.forget()
    return model


@dataclass(frozen=True)
class Staff:
    """Who works through a long run: the model in this process, or `workers` of the engine ray with one each."""

    spec: ModelSpec
    engine: Engine = "local"
    workers: int = 1

    @contextmanager
    def at_work(self, cancel: CancelToken | None = None) -> Iterator[VisionLanguageModel | Workers]:
        """They have their model. Raises ModelUnavailable, WorkersUnavailable, WrongOption and Cancelled."""
        if self.engine == "local":
            yield load(self.spec)
            return
        with crew(self.spec, self.workers, say, cancel) as workers:
            yield workers


@dataclass(frozen=True)
class VideoFiles:
    """Video files, and of each how many frames are asked for, or how many a second; None: as the model's processor
    says."""

    files: Sequence[Path]
    frames: int | None = None
    fps: float | None = None

    def opened(self, model: VisionLanguageModel) -> list[Video]:
        """The videos, with what was taken of them said. Raises UnreadableVideo, UnusableVideo and Cancelled."""
        videos = []
        for file in self.files:
            with stoppable() as cancel:
                video = open_video(
                    file, lambda facts: model.choose_frames(facts, self.frames, self.fps), stop=cancel.check
                )
            videos.append(video)
            clip = video.clip
            say(f"{len(clip)} of {clip.total:,} frames of {display_name(clip.name)} are shown: {clip.rule}.")
        return videos


def answer_to(
    model: VisionLanguageModel,
    text: str,
    images: Sequence[Path] | None,
    decoding: Decoding,
    at: Sequence[int] | None = None,
    videos: VideoFiles | None = None,
    keep: KeepRows | None = None,
) -> Answer:
    """The answer to a question about picture files and, after them, video files, `at` these places in its text, with
    the attention rows that are to be kept (None: none). What they take is said before where that is much; after, what
    the model does not see of the pictures, and from which token on rounding may have decided what it is. Raises
    UnreadableImage, UnreadableVideo, QuestionError and Cancelled."""
    watched = videos.opened(model) if videos is not None else []
    question = Question(text, [*(images or ()), *watched], decoding=decoding, images_at=at or ())
    if keep is not None and (foretold := rows_foretold(model, question, keep)):
        say(f"{foretold}. --rows-of-last and --rows-of-layer keep less.")
    answer = ask(model, question, keep_attention=keep or False)
    for note in picture_notes(answer.question.images, answer.layout, answer.question.clips):
        say(note)
    parts = parting(model, answer)
    if parts is not None and (sentence := parts.sentence(answer)):
        say(sentence)
    return answer


def told(model: VisionLanguageModel, answer: Answer) -> dict[str, Any]:
    """An answer for a JSON line: log-probabilities and entropies in nats, tokens counted from 0."""
    parts = parting(model, answer)
    return {
        "model": model.card.name,
        "adapter": model.card.adapter or None,
        "quantisation": model.card.quantisation or None,
        "fingerprint": answer.model,
        "question": answer.question.text,
        "images_at": list(answer.question.images_at),
        "pictures": picture_records(answer.question.images, answer.layout),
        "videos": [clip.record() for clip in answer.question.clips],
        "answer": answer.text,
        "finish": answer.finish,
        "seconds": round(answer.seconds, 4),
        "replay": None
        if parts is None
        else {"parts_at": parts.replayed, "uncertain_from": parts.uncertain, "moved": parts.moved},
        "tokens": [
            {
                "text": token.text,
                "logprob": token.logprob,
                "entropy": token.entropy,
                "alternatives": [{"text": other.text, "logprob": other.logprob} for other in token.alternatives],
            }
            for token in answer.tokens
        ],
    }
