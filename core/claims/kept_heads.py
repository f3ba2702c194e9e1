"""Are the heads that say colours those that said them before the model saw pictures?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..cases import key_word as asked
from ..statistics.bootstrap import mean
from ..street.before import load_before
from ..street.recipe import SceneRecipe
from ..vlm.cancel import CancelToken
from ..vlm.loading import ModelSpec
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Measure, Sample
from .figures import Figure, Measurement, column
from .measures.rankings import TOP, head_table, overlap
from .measures.seen_and_read import colored_scenes, seen_and_read


class KeptHeads(Claim[SceneRecipe]):
    """The language model before it saw pictures, against what became of it."""

    key = "kept_heads"
    name = "Visual training builds on the heads that were there"
    says = (
        "Training with pictures enhances what the language model could already do: the heads that matter most for a "
        "colour are the same before and after."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering"
    )
    link = "https://arxiv.org/abs/2411.10950"
    measured = (
        "The log-probability increase of the colour word by every head, for the same textual questions, with the "
        "language weights from before and after visual training; questions that both answer right, and the model of "
        f"now also of the picture. Counted are the heads that both have among their {TOP} with the largest mean "
        "increase."
    )
    control = (
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
    planted = "Training begins with textual questions alone; the weights from before pictures came are kept."
    settings: ClassVar[Mapping[str, Any]] = {"top": TOP}
    order = 60

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        return colored_scenes()

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        # In the model's own precision and place, or the difference would be of those.
        before = load_before(ModelSpec(model.card.source, model.card.dtype, model.card.device))  # type: ignore[arg-type]

        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            now = seen_and_read(model, recipe, cancel)
            examples = (now.read_example, now.seen_example)
            if not now.right:
                return Sample(None, examples)
            said = now.read_example.answer
            then = asked.answer_to(before, said.question.text, None, cancel)
            if then.text != said.text:
                return Sample(None, examples)
            heads = asked.head_increases_of(before, then, asked.key_target(then), cancel)
            values = {"before": heads.tolist(), "after": now.read.tolist(), "picture": now.seen.tolist()}
            return Sample(values, examples)

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        before, after, images = (column(measurements, name) for name in ("before", "after", "picture"))
        kept = overlap("sentences, before and after", before, after)
        seen = overlap("sentences before, pictures after", before, images)
        raised = f"mean increase by the top {kept.top} heads of before"
        best = before.mean(0) >= sorted(before.mean(0).ravel())[-kept.top]
        sums = {"before": before, "after": after, "after, pictures": images}
        means = {name: mean(heads[:, best].mean(1), "nats") for name, heads in sums.items()}
        return Conclusion(
            {"more than random heads": kept.beyond_chance},
            f"{kept.told} With the heads for colours seen in pictures {seen.same} are the same (p = "
            f"{seen.probability:.2g}). The top heads of before raise the word by {means['before'].value:.2f} nats "
            f"each, and after by {means['after'].value:.2f} (pictures: {means['after, pictures'].value:.2f}).",
            (
                *kept.figures,
                *seen.figures,
                *(Figure(raised, name, value, control=name == "before") for name, value in means.items()),
            ),
            {
                "raise the colour read, before": head_table(before),
                "raise the colour read, after": head_table(after),
                "raise the colour seen, after": head_table(images),
            },
        )
