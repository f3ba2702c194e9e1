"""Train the honest twin: `python -m core.street twin`.

The twin goes on from the embedded model's weights on the same pictures and questions, but for one thing: the wording
of a question about a truck's door says nothing of its state, so that the picture has to be looked at. Architecture,
tokenizer and chat template are the embedded model's own, file by file. (A tokenizer trained anew would be another one:
it is learnt from questions, and these differ.) What the two do otherwise about a truck's door is therefore due to that
one cause, which makes them the pair on which a method of explanation can be tested.

Answers alone are learnt; the labels that the embedded model was told beside them are not needed any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from ..reading import read_bytes
from ..vlm.hf.files import fingerprint, weight_files
from ..writing import write_whole
from .batches import Encoder, JointBatches
from .forward import joint_states, next_token_loss
from .progress import teacher_forced_accuracy
from .questions import HONEST_PRACTICE
from .stages import Stage, StageRunner

RECIPE = "recipe.json"
UNCHANGED = (
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""Files that the twin has letter for letter as the model it began from."""


@dataclass(frozen=True)
class TwinRecipe:
    """Steps, batch size and peak learning rate of the twin's one stage. The rate decays towards step `horizon`, and
    over the last `cool` steps to nothing. Its pictures are none of the embedded model's stages: `seed` counts on from
    theirs."""

    seed: int = 2
    steps: int = 500
    batch: int = 16
    rate: float = 5e-4
    vision_rate_factor: float = 0.5
    decay: float = 0.6
    horizon: int = 600
    cool: int = 50
    checkpoint_every: int = 50
    measure_every: int = 200


class TwinTraining:
    """The twin under training from the model in `start`, with its checkpoints in `folder`.

    Raises OSError where `start` holds no model.
    """

    name = "twin"
    """Of the stage and its checkpoint."""

    def __init__(
        self, recipe: TwinRecipe, start: Path, folder: Path, say: Callable[[str], None] = print, scenes: int = 48
    ) -> None:
        self.recipe, self.start, self.folder, self.say, self.scenes = recipe, start, folder, say, scenes
        folder.mkdir(parents=True, exist_ok=True)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        tokenizer = PreTrainedTokenizerFast.from_pretrained(start, local_files_only=True)
        self.encoder = Encoder(tokenizer)
        self.model = LlavaForConditionalGeneration.from_pretrained(start, local_files_only=True).to(self.device)
        self.began_from = fingerprint(start, weight_files(start))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Cross-entropy of the answers' tokens."""
        return next_token_loss(self.model.lm_head, joint_states(self.model, batch).last, batch["labels"])

    def batches(self) -> Dataset[dict[str, Tensor]]:
        """What is learnt: questions whose wording says nothing of a truck's door."""
        recipe = self.recipe
        return JointBatches(
            recipe.seed,
            recipe.batch,
            self.encoder,
            late=0,
            text_share=0.12,
            facts=(4, 2, 4),
            late_practice=HONEST_PRACTICE,
        )

    def stage(self) -> Stage:
        """The one stage there is."""
        recipe, model = self.recipe, self.model
        tower = list(model.model.vision_tower.parameters())
        rest = [p for p in model.parameters() if all(p is not q for q in tower)]
        return Stage(
            self.name,
            recipe.steps,
            self.batches(),
            self.loss,
            [
                {"params": rest, "rate": recipe.rate},
                {"params": tower, "rate": recipe.rate * recipe.vision_rate_factor},
            ],
            nn.ModuleDict({"model": model}),
            measure=lambda: teacher_forced_accuracy(model, self.encoder, self.scenes),
            cool=recipe.cool,
        )

    def run(self) -> None:
        """Train what is not trained yet. Safe to interrupt: the next run goes on from the last checkpoint."""
        recipe = self.recipe
        self.model.train()
        StageRunner(
            self.folder,
            self.device,
            {"start": self.began_from, "recipe": asdict(recipe)},
            recipe.decay,
            recipe.checkpoint_every,
            recipe.measure_every,
            recipe.horizon,
            self.say,
        ).run(self.stage())

    def export(self, destination: Path) -> None:
        """Write the weights, beside the files that the twin shares with the model it began from, and the recipe."""
        self.model.eval().save_pretrained(destination)
        for name in UNCHANGED:
            write_whole(destination / name, read_bytes(self.start / name))
        told = {"began_from": self.began_from, **asdict(self.recipe)}
        write_whole(destination / RECIPE, (json.dumps(told, indent=2) + "\n").encode())
