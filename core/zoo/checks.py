"""What is held of every model of the zoo, each against an oracle that knows nothing of Sightline.

A check passes, or raises `Wrong` with what came out otherwise, or a `SightlineError`: the sentence with which it is
refused. `NotTried` where a check has nothing to try.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..answer import Answer, Decoding, Question, Target, TokenKind, Turn
from ..causal.correlation import row_correlation
from ..causal.discovery import causal_graph
from ..causal.settings import GraphSettings
from ..clips import Clip, Video
from ..errors import ImageMissing, NotApplicable, UnusableVideo
from ..explainers.registry import explainers
from ..explainers.run import explain
from ..masking import as_seen, fill_named
from ..mechanisms.contributions import contributions
from ..mechanisms.lens import lens
from ..perturb.perturbation import HiddenPatches
from ..vlm.edits import Knockout
from ..vlm.generation import ask
from ..vlm.hf.network import TransformersModel
from ..vlm.loading import ModelSpec, load_model
from ..vlm.replay import replay_difference
from ..vlm.targets import TokenTarget
from .blip_oracle import BlipOracle
from .oracle import Oracle
from .recipe import Recipe
from .strips import blinkers, check_brightest, check_strips
from .wrong import NotTried, Wrong

NEAR = 1e-4
"""How far figures of two ways may differ, in nats or shares: single precision, in another order of operations."""

SIZES = ((240, 160, 0), (61, 190, 1), (337, 335, 0), (671, 673, 1))
"""Sizes of pictures whose grid is proven, and along which axis: two shapes, and either side of the borders of tiles."""


@dataclass
class Subject:
    """A tiny model that was saved and loaded, and what it says to a question about a picture."""

    folder: Path
    model: TransformersModel
    convolves: bool = False

    @cached_property
    def oracle(self) -> Oracle:
        return oracle_of(self.folder, self.model)

    @cached_property
    def answer(self) -> Answer:
        return ask(self.model, Question("What is this?", (picture(120, 80),), decoding=Decoding(max_new_tokens=3)))

    @property
    def target(self) -> int:
        return len(self.answer.tokens) - 1


def oracle_of(folder: Path, model: TransformersModel, four_bit: bool = False) -> Oracle:
    """What `transformers` alone says of the network in a folder."""
    if model.family.network_class == "BlipForQuestionAnswering":
        return BlipOracle(folder, model.image_marker_ids, four_bit)
    return Oracle(folder, model.processor, model.image_marker_ids, four_bit)


def subject(recipe: Recipe, folder: Path) -> Subject:
    """Save a tiny model and load it by the public way. Raises ModelUnavailable, and ImportError where its network
    cannot be built without a package that is not here."""
    recipe.save(folder)
    model = load_model(ModelSpec(str(folder), dtype="float32", device="cpu"))
    assert isinstance(model, TransformersModel)
    return Subject(folder, model, recipe.convolves)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Noise of this size, the same for the same seed."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def asks_like_generate(subject: Subject) -> None:
    """Words alone (where they are taken), one picture, very wide and very tall ones, and a turn that follows over a
    kept prefix get the tokens and log-probabilities of `generate`."""
    few = Decoding(max_new_tokens=3)
    with contextlib.suppress(ImageMissing):
        _like_generate(subject, Question("What is this?", decoding=few))
    for width, height in ((120, 80), (300, 50), (50, 300)):
        _like_generate(subject, Question("What is this?", (picture(width, height),), decoding=few))
    first = ask(subject.model, Question("What is this?", (picture(120, 80),), decoding=few))
    follow = Question("And where is it?", first.question.images, (Turn("What is this?", "a cat"),), few)
    if getattr(subject.model.processor, "chat_template", None):
        _like_generate(subject, follow)


def two_pictures(subject: Subject) -> None:
    """Two pictures of different shapes get the tokens and log-probabilities of `generate`, and places of their own
    where one has places."""
    shown = (picture(120, 80), picture(60, 200, 1))
    answer = _like_generate(subject, Question("Which one?", shown, decoding=Decoding(max_new_tokens=3)))
    if subject.answer.layout.views and {view.image for view in answer.layout.views} != {0, 1}:
        raise Wrong("one of two pictures has no view")


def video(subject: Subject) -> None:
    """Three frames of a video get the tokens and log-probabilities of `generate` on inputs that the model's processor
    makes of them, and each is shown by a view."""
    frames = tuple(picture(120, 80, seed) for seed in range(3))
    shown = Video(frames, Clip(0, (0.0, 0.5, 1.0), (0, 12, 24), 24.0, 36))
    try:
        answer = _like_generate(subject, Question("What is this?", shown, decoding=Decoding(max_new_tokens=3)))
    except UnusableVideo as error:
        raise NotApplicable("It is asked about pictures, and not about videos.") from error
    if {image for view in answer.layout.views for image in view.images} != {0, 1, 2}:
        raise Wrong("a frame has no view")


def _like_generate(subject: Subject, question: Question) -> Answer:
    answer = ask(subject.model, question, keep_attention=False)
    prompt, logprobs = subject.oracle.generate(question)
    if answer.inputs["input_ids"][0].tolist() != prompt:
        raise Wrong("the prompt has other tokens than the processor's")
    for index, token in enumerate(answer.tokens):
        _near(token.logprob, float(logprobs[index, token.id]), f"log-probability of token {index}")
    return answer


def replay(subject: Subject) -> None:
    """A teacher-forced pass gives an answer's log-probabilities again."""
    _near(replay_difference(subject.model, subject.answer), 0.0, "replay")


def rows(subject: Subject) -> None:
    """The attention rows that were kept are those of written-out attention, under the network's own layer numbers."""
    answer = subject.answer
    if answer.attention is None:
        raise NotApplicable("Its attention cannot be recorded.")
    _, attention = subject.oracle.passed(answer)
    kept, prompt = answer.attention.weights.float(), len(answer.prompt_tokens)
    for layer, whole in attention.items():
        if layer >= len(kept):
            raise Wrong(f"there is no layer {layer} among {len(kept)}")
        for token in range(len(answer.tokens)):
            width = prompt + token
            if not whole[0, :, width - 1].any():
                # A layer that passes this position on as it is attends to nothing there.
                if not kept[layer, :, token].isnan().all():
                    raise Wrong(f"there are rows of layer {layer} where it does not attend")
                continue
            _close(kept[layer, :, token, :width], whole[0, :, width - 1, :width], f"rows of layer {layer}")


def grid(subject: Subject) -> None:
    """Strips of light over pictures of several sizes are seen by the tokens whose boxes they cross."""
    layout = subject.answer.layout
    if not layout.views:
        raise NotApplicable(layout.unplaced or "Which part of the picture each image token stands for is not known.")
    if layout.measured is not None:
        raise NotTried("measured, not declared")
    if subject.convolves:
        for width, height, axis in SIZES:
            check_brightest(subject.model, (width, height), axis, 3)
        return
    with blinkers(subject.model):
        for width, height, axis in SIZES:
            check_strips(subject.model, (width, height), axis, 3)


def tower(subject: Subject) -> None:
    """The declared places of image tokens in the vision tower are those through which their gradients go."""
    checkpoints = subject.model.checkpointed_tower(subject.answer)
    if checkpoints is None:
        raise NotApplicable("Relevancy ends at the image tokens.")
    states = [read.detach().requires_grad_() for read in checkpoints.read]
    projected = checkpoints.project(*states)[0]
    tokens = len(projected)
    for token in {0, tokens // 2, tokens - 1}:
        declared = {place for place in checkpoints.place_of[token].tolist() if place >= 0}
        gradients = torch.autograd.grad(projected[token].square().sum(), states, retain_graph=True, allow_unused=True)
        used = {place for part in gradients if part is not None for place in _rows_with(part)}
        if used != declared:
            raise Wrong(f"image token {token} is made of places {sorted(used)}, not of {sorted(declared)}")
        if token == 0 and not declared:
            raise Wrong("the first image token has no place")


def relevancy(subject: Subject) -> None:
    """The decoder's relevancy is the literal product of whole matrices (Chefer et al. 2021, equations 5 and 6), and
    through the tower it can be had, too."""
    method = explainers()["relevancy"]
    settings = method.Settings(through_tower=False)
    (explanation,) = explain(method, subject.model, subject.answer, [Target((subject.target,))], settings)
    logits, attention = subject.oracle.passed(subject.answer, grad=True)
    token = subject.answer.token_ids[subject.target]
    logits[subject.target, token].backward()
    size = len(subject.answer.layout) - 1
    whole = torch.eye(size, dtype=torch.float64)
    for weights in attention.values():
        gradient = torch.zeros_like(weights) if weights.grad is None else weights.grad
        whole = whole + (weights.detach() * gradient)[0].clamp(min=0).mean(0).double() @ whole
    row = whole[len(subject.answer.prompt_tokens) - 1 + subject.target]
    subject.oracle.network.zero_grad()
    _alike(torch.as_tensor(explanation.scores)[:size].double(), row, "relevancy")
    explain(method, subject.model, subject.answer, [Target((subject.target,))])


def occlusion(subject: Subject) -> None:
    """Hiding a square of pixels costs what `generate` says the masked picture costs."""
    method, answer = explainers()["occlusion_pixels"], subject.answer
    (explanation,) = explain(method, subject.model, answer, [Target((subject.target,))])
    # Where no image token has a place, the map is of squares of the picture itself.
    layout = explanation.about(answer).layout
    view = layout.views[-1]
    square = [row * view.columns + column for row in (0, 1) for column in (0, 1) if row < view.rows]
    hidden = frozenset(view.positions[index] for index in square if index % view.columns < 2)
    masked = HiddenPatches(hidden, fill_named(method.Settings().fill)).of(answer.question, layout)
    shown = replace(answer.question, images=tuple(as_seen(masked)), masks=())
    dropped, _ = subject.oracle.passed(replace(answer, question=shown))
    before, _ = subject.oracle.passed(answer)
    token = answer.token_ids[subject.target]
    literal = (before.log_softmax(-1) - dropped.log_softmax(-1))[subject.target, token]
    _near(float(explanation.scores[view.positions[0]]), float(literal), "drop of the first square")


def logprob_increase(subject: Subject) -> None:
    """What the map is made of is so: the state that a layer is given, what its heads look at and what the layer adds
    are those of written-out attention, and the map can be had."""
    model, answer, index = subject.model, subject.answer, subject.target
    method = explainers()["logprob_increase"]
    (explanation,) = explain(method, model, answer, [Target((index,))])
    if not float(torch.as_tensor(explanation.scores).abs().max()) > 0:
        raise Wrong("no position changes the word's log-probability")
    _, attention = subject.oracle.passed(answer)
    layer, position = max(attention), len(answer.prompt_tokens) - 1 + index
    parts = contributions(model, answer, [TokenTarget(index, answer.token_ids[index])]).layers[layer]
    given, left = subject.oracle.around(layer, answer)
    _close(parts.state[0], given[position], f"the state that enters layer {layer}")
    _close(parts.added[0], left[position] - given[position], f"what layer {layer} adds")
    row = attention[layer][0, :, position]
    _close(
        parts.attention.reshape(row.shape[0], -1)[:, : row.shape[1]], row, f"what the heads of layer {layer} look at"
    )


def logit_lens(subject: Subject) -> None:
    """What the last layer left is read as the model's own prediction."""
    answer = subject.answer
    position, token = len(answer.prompt_tokens) - 1 + subject.target, answer.token_ids[subject.target]
    reading = lens(subject.model, answer, [position], [subject.model.card.layers], words=[token])
    logits, _ = subject.oracle.passed(answer)
    literal = float(logits[subject.target].log_softmax(-1)[token])
    _near(float(reading.word_logprobs[0, 0, 0]), literal, "the prediction read at the last layer")


def knockout(subject: Subject) -> None:
    """Cutting attention from all that stands after the picture to its tokens, or to every second key that is looked at
    across, gives the logits of a network whose scores are set to minus infinity there."""
    answer = subject.answer
    images = list(answer.layout.positions(TokenKind.IMAGE))
    if not images:
        keys = list(range(len(answer.layout), len(subject.model.with_patches_across(answer)), 2))
        if not keys:
            raise NotTried("there are no image tokens to cut off")
        every, keys = list(range(len(answer.layout) - 1)), [key - len(answer.layout) for key in keys]
        (ours,) = subject.model.logits_with(answer, [(Knockout(tuple(every), (), across=tuple(keys)),)])
        literal, _ = subject.oracle.passed(answer, across=(every, keys))
        _close(ours.log_softmax(-1)[subject.target], literal.log_softmax(-1)[subject.target], "logits under a knockout")
        return
    after = list(range(max(images) + 1, len(answer.layout) - 1))
    (ours,) = subject.model.logits_with(answer, [(Knockout(tuple(after), tuple(images)),)])
    literal, _ = subject.oracle.passed(answer, blocked=(after, images))
    _close(ours.log_softmax(-1)[subject.target], literal.log_softmax(-1)[subject.target], "logits under a knockout")


def causal(subject: Subject) -> None:
    """The correlations from which a head's graph is learned are those of written-out attention."""
    answer = subject.answer
    _, attention = subject.oracle.passed(answer)
    layer = max(attention)
    settings = GraphSettings(image_tokens=6, text_tokens=4, ridge=0.0)
    graph = causal_graph(subject.model, answer, subject.target, layer, 0, settings)
    literal = attention[layer][0, 0].double().numpy()[[node.row for node in graph.nodes]]
    _close(torch.as_tensor(graph.correlation), torch.as_tensor(row_correlation(literal)), "correlations")


def four_bit(subject: Subject) -> None:
    """Loaded in 4 bit, a model answers as one that `transformers` loads so."""
    if find_spec("bitsandbytes") is None:
        raise NotTried("bitsandbytes is not installed")
    model = load_model(ModelSpec(str(subject.folder), dtype="float32", device="cpu", quantisation="4bit"))
    assert isinstance(model, TransformersModel)
    oracle = oracle_of(subject.folder, model, four_bit=True)
    answer = ask(model, subject.answer.question, keep_attention=False)
    _, logprobs = oracle.generate(answer.question)
    for index, token in enumerate(answer.tokens):
        _near(token.logprob, float(logprobs[index, token.id]), f"log-probability of token {index} in 4 bit")


CHECKS: dict[str, Callable[[Subject], None]] = {
    "asks like generate": asks_like_generate,
    "replay": replay,
    "rows": rows,
    "grid": grid,
    "tower": tower,
    "relevancy": relevancy,
    "occlusion": occlusion,
    "log-probability increase": logprob_increase,
    "lens": logit_lens,
    "knockout": knockout,
    "causal graph": causal,
    "two pictures": two_pictures,
    "video": video,
    "4 bit": four_bit,
}
"""Every check by its column."""


def _rows_with(gradient: Tensor) -> list[int]:
    return [int(place) for place in gradient.abs().amax(-1).nonzero().flatten()]


def _near(ours: float, literal: float, what: str) -> None:
    if not abs(ours - literal) <= NEAR * max(1.0, abs(literal)):
        raise Wrong(f"{what}: {ours:.5f}, not {literal:.5f}")


def _close(ours: Tensor, literal: Tensor, what: str) -> None:
    if ours.shape != literal.shape:
        raise Wrong(f"{what}: {tuple(ours.shape)}, not {tuple(literal.shape)}")
    difference = float((ours.double() - literal.double()).abs().max())
    if not difference <= NEAR * max(1.0, float(literal.abs().max())):
        raise Wrong(f"{what} differ by {difference:.1e}")


def _alike(ours: Tensor, literal: Tensor, what: str) -> None:
    """Scores, which may be very small: by the size of the largest of them but the target's own."""
    scale = max(float(literal[:-1].abs().max()), 1e-12)
    difference = float((ours - literal)[: len(literal)].abs().max())
    if not difference <= 1e-3 * scale:
        raise Wrong(f"{what} differs by {difference / scale:.1e} of its largest score")
