"""(c) Are the heads that say colours those that said them before the model saw pictures?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ...statistics.bootstrap import mean
from ...street.before import load_before
from ...street.recipe import SceneRecipe
from ...vlm.cancel import CancelToken
from ...vlm.loading import ModelSpec
from ...vlm.model import VisionLanguageModel
from ..studies import readings as studied
from .finding import Conclusion, Finding, Reader, Reading, column, quantity
from .overlaps import TOP, head_table, overlap
from .shared_heads import STUDY, SharedHeads


class KeptHeads(Finding[SceneRecipe]):
    """The language model before it saw pictures, against what became of it."""

    key = "kept_heads"
    title = "Visual training builds on the heads that were there"
    claim = (
        "Training with pictures enhances what the language model could already do: the heads that matter most for a "
        "colour are the same before and after."
    )
    paper = SharedHeads.paper
    measured = (
        "The log-probability increase of the colour word by every head, for the same textual questions, with the "
        "language weights from before and after visual training; questions that both answer right, and the model of "
        f"now also of the picture. Counted are the heads that both have among their {TOP} with the largest mean "
        "increase."
    )
    baseline = (
        "Two sets of heads drawn at random (hypergeometric). Beside it, and not part of the rule: random sets with as "
        "many heads in each layer; the heads before (sentences) against those of now for pictures."
    )
    rule = (
        "Reproduces where, for the textual questions, random sets have as many heads in common in fewer than 5 of 100 "
        "draws."
    )
    caveat = (
        "Continued training from the same weights keeps heads where they are for want of a reason to move them: the "
        "overlap does not show that pictures use what was learned from text. Here pictures came with textual questions "
        "mixed in, so text was never left behind."
    )
    settings: ClassVar[Mapping[str, Any]] = {"top": TOP}

    def subjects(self, scenes: int) -> Iterator[tuple[str, SceneRecipe]]:
        return SharedHeads().subjects(scenes)

    def reader(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Reader[SceneRecipe]:
        # In the model's own precision and place, or the difference would be of those.
        before = load_before(ModelSpec(model.card.source, model.card.dtype, model.card.device))  # type: ignore[arg-type]

        def read(recipe: SceneRecipe, cancel: CancelToken | None) -> Reading | None:
            now = STUDY.read(model, recipe, cancel)
            if not now.agree:
                return None
            asked = now.text.answer
            then = studied.answer_to(before, asked.question.text, None, cancel)
            if then.text != asked.text:
                return None
            found = studied.increases(before, then, studied.key_target(then), cancel)
            return {"before": found.tolist(), "after": now.of_text.tolist(), "picture": now.of_image.tolist()}

        return read

    def conclude(self, readings: Sequence[Reading]) -> Conclusion:
        before, after, images = (column(readings, name) for name in ("before", "after", "picture"))
        found = overlap("sentences, before and after", before, after)
        seen = overlap("sentences before, pictures after", before, images)
        raised = f"mean increase by the top {found.top} heads of before"
        best = before.mean(0) >= sorted(before.mean(0).ravel())[-found.top]
        sums = {"before": before, "after": after, "after, pictures": images}
        means = {name: mean(heads[:, best].mean(1), "nats") for name, heads in sums.items()}
        return Conclusion(
            found.significant,
            f"{found.told} With the heads for colours seen in pictures {seen.same} are the same (p = "
            f"{seen.probability:.2g}). The top heads of before raise the word by {means['before'].value:.2f} nats "
            f"each, and after by {means['after'].value:.2f} (pictures: {means['after, pictures'].value:.2f}).",
            (
                *found.figures,
                *seen.figures,
                *(quantity(raised, name, value, control=name == "before") for name, value in means.items()),
            ),
            {
                "raise the colour read, before": head_table(before),
                "raise the colour read, after": head_table(after),
                "raise the colour seen, after": head_table(images),
            },
        )
