"""(b) Do image tokens name what they show, before any layer and after each?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from ...answer import Answer, Decoding, Question, TokenKind
from ...errors import NotApplicable
from ...masking import patch_coverage
from ...mechanisms.lens import lens, reciprocal_rank_by_chance
from ...statistics.bootstrap import mean
from ...street.draw import Drawing, draw
from ...street.recipe import SceneRecipe
from ...street.scene import COLORS, KINDS, Scene
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ..studies.hallucinated_object import by_color
from ..studies.study import held_out
from .finding import Conclusion, Finding, Quantity, Reader, Reading, column, computed, quantity, unmet

WORDS = {"colour": COLORS, "kind": KINDS}
SHOWN = 0.5
"""A patch shows what covers more than this share of it."""
LEAST_TIMES = 2.0
"""How many times a control's reciprocal rank the right word's must be, for a difference that means something."""
CONTROLS = {"elsewhere": "the same word, other patches", "others": "other words, the same patches"}
QUESTION = "What do you see?"


class VisualWords(Finding[SceneRecipe]):
    """The logit lens on image tokens of held-out scenes, against the drawing's own masks."""

    key = "visual_words"
    title = "Visual embeddings can be read in the vocabulary"
    claim = (
        "The projected visual embeddings already say in the language model's vocabulary what their patch shows: its "
        "colour, and the kind of thing."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering"
    )
    measured = (
        "Final norm and unembedding on every image token, as embedded (layer 0) and as each layer leaves it: 1 / rank "
        "of the word for what covers more than half of the patch, by the drawing's own masks; means over the patches "
        "of a scene."
    )
    baseline = (
        "The same words at all patches that show nothing of it (random positions), and the other colours or kinds at "
        "the same patches (random words); also a random word of the whole vocabulary."
    )
    rule = (
        "Reproduces where, at layer 0 and for colours and kinds alike, the right word's reciprocal rank is above both "
        f"controls, the 95 % intervals of the paired differences above zero, and at least {LEAST_TIMES:g} times each."
    )
    caveat = (
        "That a word can be read by the unembedding does not show that the model reads it there; and what cannot be "
        "read so may be there in other directions. A patch near a thing may know of it, too, which raises the control. "
        "Here the vision tower was trained on labels of patches, colours and kinds among them, and the projector by "
        "questions alone."
    )
    settings: ClassVar[Mapping[str, Any]] = {"shown": SHOWN, "least_times": LEAST_TIMES}

    def subjects(self, scenes: int) -> Iterator[tuple[str, SceneRecipe]]:
        fitting = held_out(lambda scene: any(item.colors for item in scene.items))
        return ((str(recipe.seed), recipe) for recipe in islice(fitting, scenes))

    def reader(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Reader[SceneRecipe]:
        plain = Question(QUESTION)
        tokens = {word: _token(model, plain, word) for words in WORDS.values() for word in words}

        def read(recipe: SceneRecipe, cancel: CancelToken | None) -> Reading | None:
            scene = recipe.scene()
            drawing = draw(scene)
            question = Question(QUESTION, (drawing.image,), decoding=Decoding(max_new_tokens=1))
            answer = ask(model, question, cancel=cancel, keep_attention=False)
            if cancel is not None:
                cancel.check()
            if not answer.layout.views:
                raise NotApplicable(
                    "Where image tokens of this model are in the picture is not known, so none has a right word."
                )
            ranks = lens(
                model,
                answer,
                answer.layout.positions(TokenKind.IMAGE),
                top=1,
                words=list(tokens.values()),
                cancel=cancel,
            ).word_ranks.numpy()
            found = {}
            for name, covered in _coverages(scene, drawing, answer).items():
                columns = [list(tokens).index(word) for word in WORDS[name]]
                found[name] = reciprocal_ranks(1 / ranks[:, :, columns], covered)
            return found | {"vocabulary": model.card.vocabulary}

        return read

    def conclude(self, readings: Sequence[Reading]) -> Conclusion:
        chance = reciprocal_rank_by_chance(int(readings[0]["vocabulary"]))
        figures: list[Quantity] = []
        told, deciding = [], {}
        for name in WORDS:
            here = column(readings, name, "here")
            for layer in range(here.shape[1]):
                figures += _at_layer(readings, name, layer)
            what = f"reciprocal rank of the right {name}"
            figures.append(computed(what, "a random word of the vocabulary", chance, "reciprocal rank", control=True))
            right, *controls = (mean(column(readings, name, part)[:, 0]).value for part in ("here", *CONTROLS))
            for control, beside in zip(CONTROLS, controls, strict=True):
                more = mean(here[:, 0] - column(readings, name, control)[:, 0])
                deciding[f"{name}s above {CONTROLS[control]}"] = more.low > 0 and right >= LEAST_TIMES * beside
            by_layer = [mean(here[:, layer]).value for layer in range(here.shape[1])]
            told.append(
                f"{name}s {right:.3f} against {controls[0]:.3f} elsewhere and {controls[1]:.3f} of other words (most "
                f"at layer {int(np.argmax(by_layer))}: {max(by_layer):.3f})"
            )
        return Conclusion(
            all(deciding.values()),
            f"Reciprocal rank of the right word at layer 0: {'; '.join(told)}. A random word has {chance:.3f}."
            + unmet(deciding),
            tuple(figures),
        )


def _at_layer(readings: Sequence[Reading], name: str, layer: int) -> list[Quantity]:
    what, top = f"reciprocal rank of the right {name}", f"the right {name} is among the first 10 words"
    here = column(readings, name, "here")[:, layer]
    found = [
        quantity(what, "the right word", mean(here), "reciprocal rank", at=layer, axis="layer"),
        quantity(top, "the right word", mean(column(readings, name, "top10")[:, layer]), at=layer, axis="layer"),
    ]
    for control, told in CONTROLS.items():
        beside = column(readings, name, control)[:, layer]
        found.append(quantity(what, told, mean(beside), "reciprocal rank", at=layer, axis="layer", control=True))
        found.append(
            quantity(f"{what}: more than", told, mean(here - beside), "reciprocal rank", at=layer, axis="layer")
        )
    return found


def _token(model: VisionLanguageModel, question: Question, word: str) -> int:
    """The first token of a word as it stands within an answer."""
    before = model.continuation(question, "The dog is")
    ids = model.continuation(question, f"The dog is {word}")
    return ids[len(before)] if ids[: len(before)] == before else ids[-1]


def _coverages(scene: Scene, drawing: Drawing, answer: Answer) -> dict[str, Float[np.ndarray, "patch word"]]:
    """Of each image token the share that shows each colour, and each kind."""

    def coverage(mask: Bool[np.ndarray, "height width"]) -> list[float]:
        covered = patch_coverage(mask, answer.layout)
        return [covered.get(position, 0.0) for position in answer.layout.positions(TokenKind.IMAGE)]

    nothing = np.zeros(drawing.labels.shape, dtype=bool)
    colors = by_color(drawing, scene)
    kinds = {
        kind: np.logical_or.reduce([drawing.mask(kind, index=index) for index in range(scene.count(kind))])
        for kind in dict.fromkeys(item.kind for item in scene.items)
    }
    return {
        "colour": np.array([coverage(colors.get(color, nothing)) for color in COLORS]).T,
        "kind": np.array([coverage(kinds.get(kind, nothing)) for kind in KINDS]).T,
    }


def reciprocal_ranks(
    reciprocal: Float[np.ndarray, "layer patch word"], covered: Float[np.ndarray, "patch word"]
) -> dict[str, list[float | None]]:
    """By layer, means over the patches that show something: 1 / rank of the right word, of the same word at all
    patches that show nothing of it, of other words that the patch does not show, and how often the right one is among
    the first ten. None where nothing covers a patch."""
    found: dict[str, list[Float[np.ndarray, "layer"]]] = {"here": [], "elsewhere": [], "others": [], "top10": []}
    for patch, word in np.argwhere(covered > SHOWN):
        right = reciprocal[:, patch, word]
        found["here"].append(right)
        found["top10"].append(right >= 0.1)
        found["elsewhere"].append(reciprocal[:, covered[:, word] == 0, word].mean(1))
        found["others"].append(reciprocal[:, patch, covered[patch] == 0].mean(1))
    empty = [None] * len(reciprocal)
    return {name: np.mean(values, axis=0).tolist() if values else list(empty) for name, values in found.items()}
