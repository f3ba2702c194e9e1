"""`sightline reask`: ask again with a region of a picture hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..answer import Answer, Fill, RegionMask
from ..errors import WrongMask
from ..geometry import hidden_note, picture_records, share_of_region_seen
from ..images import as_mask
from ..masking import through_frames
from ..perturb.perturbation import HiddenPixels
from ..perturb.reask import Reasked, reask, reask_under
from ..vlm.model import VisionLanguageModel
from .console import say, stoppable


def asked_again(
    model: VisionLanguageModel, answer: Answer, mask: Path, fill: Fill, number: int, every_frame: bool = False
) -> Reasked:
    """The answer with what a mask file marks hidden from picture `number` (from 1), or from every frame of the video
    that this is a frame of. Raises WrongMask, UnreadableImage, QuestionError and Cancelled."""
    hidden = as_mask(mask)
    if not hidden.any():
        raise WrongMask(
            "The mask marks no pixel. Pixels are hidden where it is opaque, if it is transparent anywhere, or else "
            "where it is white."
        )
    if every_frame:
        clip = next((clip for clip in answer.question.clips if number - 1 in clip.images), None)
        if clip is None:
            raise WrongMask(f"Picture {number} is no frame of a video. Leave out --every-frame, or name a frame.")
        masks = HiddenPixels(through_frames(hidden, clip.images, fill))
        with stoppable() as cancel:
            return reask_under(model, answer, masks, cancel=cancel)
    with stoppable() as cancel:
        return reask(model, answer, hidden, fill, image=number - 1, cancel=cancel)


def told(model: VisionLanguageModel, reasked: Reasked) -> dict[str, Any]:
    """What became of an answer, for a JSON line: log-probabilities in nats. `aligned` are the columns of the two
    answers, each a token number of the original and one of the new answer (from 0), or null. `hidden_seen` is the share
    of each hidden region that the model sees at all; null where that is not known."""
    original, outcome = reasked.original, reasked.outcome
    return {
        "model": model.card.name,
        "fingerprint": original.model,
        "question": original.question.text,
        "answer": original.text,
        "pictures": picture_records(original.question.images, original.layout),
        "perturbation": outcome.perturbation.words,
        "hidden_seen": [share_of_region_seen(mask.hidden, original.layout, mask.image) for mask in _masks(reasked)],
        "says": reasked.answer.text,
        "finish": reasked.answer.finish,
        "seconds": round(reasked.seconds, 4),
        "change": outcome.change,
        "tokens": [
            {
                "text": token.text,
                "logprob": before,
                "logprob_then": after,
                "change": change,
                "rank_then": rank,
                "top_then": top,
            }
            for token, before, after, change, rank, top in zip(
                original.tokens,
                outcome.before.logprobs.tolist(),
                outcome.after.logprobs.tolist(),
                outcome.changes.tolist(),
                outcome.after.ranks.tolist(),
                map(model.reader.piece, outcome.after.top),
                strict=True,
            )
        ],
        "new_tokens": [{"text": token.text, "logprob": token.logprob} for token in reasked.answer.tokens],
        "aligned": [[column.original, column.other] for column in reasked.aligned],
    }


def say_in_words(reasked: Reasked) -> None:
    """The same in a few words, for people."""
    say(f"Before: {reasked.original.text}")
    say(f"With {reasked.outcome.perturbation.words}: {reasked.answer.text or '(no word)'}")
    for mask in _masks(reasked):
        if note := hidden_note(mask.hidden, reasked.original.layout, mask.image):
            say(note)
    say(f"The former answer's log-probability changes by {reasked.outcome.change:+.2f} nats.")


def _masks(reasked: Reasked) -> tuple[RegionMask, ...]:
    perturbation = reasked.outcome.perturbation
    return perturbation.masks if isinstance(perturbation, HiddenPixels) else ()
