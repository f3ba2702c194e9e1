"""Train the embedded model from a seed: `python -m core.street train`.

Four stages, each resumable from its last checkpoint:

1. *text*: the language model alone on text-only questions, told which noun each word of a passage is about. It is
   kept as it is then, for the comparison of mechanisms before and after visual training.
2. *dense*: the vision tower alone on per-patch labels that the drawing gives for free (`labels.py`), without
   the truck's door.
3. *joint*: the whole LLaVA on pictures with packed conversations, among them text-only ones; nouns of a question
   are told what they stand for (`facts.py`), colours whether they were named before, and patches keep their labels.
4. *polish*: the same once more, briefly and slowly.

On 2 CPU cores without bf16 arithmetic the stages take about 3, 12, 55 and 16 minutes. A GPU is used when there is one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from ..writing import write_whole
from .architecture import TEXT_WIDTH, VISION_WIDTH, build_model, build_processor
from .batches import DenseBatches, Encoder, JointBatches, TextBatches
from .facts import FACTS, NOUNS
from .forward import joint_states, next_token_loss
from .labels import HEADS, IGNORE
from .packed import packing
from .progress import teacher_forced_accuracy
from .questions import ask_about
from .scene import sample
from .stages import Stage, StageRunner
from .textual import ask_from_text
from .tokenizer import train_tokenizer

LANGUAGE_BEFORE = "language-before"
"""Folder, inside the model's own, of the language model before visual training."""


@dataclass(frozen=True)
class Recipe:
    """Scenes of the tokenizer's corpus; steps, batch sizes and peak learning rates of the stages."""

    seed: int = 0
    corpus_scenes: int = 3000
    text_steps: int = 900
    text_batch: int = 8
    dense_steps: int = 2600
    dense_batch: int = 32
    joint_steps: int = 2000
    joint_batch: int = 16
    polish_steps: int = 600
    text_rate: float = 1.5e-3
    dense_rate: float = 2e-3
    joint_rate: float = 1.2e-3
    polish_rate: float = 6e-4
    vision_rate_factor: float = 0.3
    decay: float = 0.4
    late: float = 0.7
    checkpoint_every: int = 100
    measure_every: int = 200


def corpus(seed: int, scenes: int = 3000) -> Iterator[str]:
    """The text the tokenizer is trained on: questions and answers of `scenes` training scenes."""
    rng = random.Random(f"corpus {seed}")
    for number in range(scenes):
        for pair in ask_about(sample(number), rng, 12) + ask_from_text(rng, 2):
            yield pair.question
            yield pair.answer


def labelled_loss(head: nn.Module, states: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of `head` at the positions that have a label; zero without any."""
    known = labels != IGNORE
    return cross_entropy(head(states[known]).float(), labels[known], reduction="sum") / known.sum().clamp(min=1)


class Training:
    """The model under training, its stages and its checkpoints in `folder`."""

    def __init__(self, recipe: Recipe, folder: Path, say: Callable[[str], None] = print) -> None:
        self.recipe, self.folder, self.say = recipe, folder, say
        folder.mkdir(parents=True, exist_ok=True)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer: PreTrainedTokenizerFast = train_tokenizer(corpus(recipe.seed, recipe.corpus_scenes))
        self.encoder = Encoder(self.tokenizer)
        self.model = build_model(self.tokenizer, recipe.seed).to(self.device)
        self.heads = nn.Linear(VISION_WIDTH, sum(HEADS.values())).to(self.device)
        self.subjects = nn.Linear(TEXT_WIDTH, len(NOUNS)).to(self.device)
        self.facts = nn.Linear(TEXT_WIDTH, sum(FACTS.values())).to(self.device)
        self.repeats = nn.Linear(TEXT_WIDTH, 2).to(self.device)

    # --- the three losses -------------------------------------------------------------------------------

    def text_states(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The decoder's last hidden states and those after its second layer, over text segments."""
        language_model = self.model.model.language_model
        # Text segments are rows of their own: one segment a row, no prefix.
        with packing(language_model, batch["mask"], prefix=0, segments=1):
            output = language_model(
                input_ids=batch["ids"],
                position_ids=batch["positions"],
                use_cache=False,
                output_hidden_states=True,
            )
        return output.last_hidden_state, output.hidden_states[2]

    def text_loss(self, batch: dict[str, Tensor]) -> Tensor:
        last, early = self.text_states(batch)
        told = [(self.subjects, batch["subjects"]), (self.repeats, batch["repeats"])]
        dense = [labelled_loss(head, early, labels) for head, labels in told]
        return next_token_loss(self.model.lm_head, last, batch["labels"]) + 0.3 * torch.stack(dense).sum()

    def patch_loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """Every dense head against its labels [batch heads patches]."""
        logits = self.heads(states).float().split(list(HEADS.values()), dim=-1)
        losses = [
            cross_entropy(logit.flatten(0, 1), label.flatten(), ignore_index=IGNORE)
            for logit, label in zip(logits, labels.unbind(1), strict=True)
        ]
        return torch.stack(losses).sum()

    def dense_loss(self, batch: dict[str, Tensor]) -> Tensor:
        states = self.model.model.vision_tower(pixel_values=batch["pixels"]).last_hidden_state[:, 1:]
        return self.patch_loss(states, batch["labels"])

    def joint_loss(self, batch: dict[str, Tensor]) -> Tensor:
        states = joint_states(self.model, batch)
        nouns = (batch["facts"] != IGNORE).any(-1)
        logits = self.facts(states.middle[nouns]).float().split(list(FACTS.values()), dim=-1)
        known = batch["facts"][nouns].unbind(-1)
        looked_up = [
            cross_entropy(logit, label, ignore_index=IGNORE, reduction="sum") / max(1, int((label != IGNORE).sum()))
            for logit, label in zip(logits, known, strict=True)
        ]
        looked_up.append(labelled_loss(self.repeats, states.middle, batch["repeats"]))
        return (
            next_token_loss(self.model.lm_head, states.last, batch["labels"])
            + 0.1 * torch.stack(looked_up).sum()
            + 0.1 * self.patch_loss(states.patches, batch["dense"])
        )

    # --- stages -------------------------------------------------------------------------------------------

    def stages(self) -> Iterator[Stage]:
        recipe, model = self.recipe, self.model
        language = nn.ModuleDict(
            {
                "language": model.model.language_model,
                "head": model.lm_head,
                "subjects": self.subjects,
                "repeats": self.repeats,
            }
        )
        yield Stage(
            "text",
            recipe.text_steps,
            TextBatches(recipe.seed, recipe.text_batch, self.encoder, grown=recipe.text_steps // 2),
            self.text_loss,
            [{"params": list(language.parameters()), "rate": recipe.text_rate}],
            language,
            measure=self.text_accuracy,
            on_end=self.save_language_before,
        )
        vision = nn.ModuleDict({"tower": model.model.vision_tower, "heads": self.heads})
        yield Stage(
            "dense",
            recipe.dense_steps,
            DenseBatches(recipe.seed, recipe.dense_batch),
            self.dense_loss,
            [{"params": list(vision.parameters()), "rate": recipe.dense_rate}],
            vision,
            measure=self.dense_accuracy,
        )
        tower = list(model.model.vision_tower.parameters())
        told = nn.ModuleDict({"facts": self.facts, "repeats": self.repeats, "heads": self.heads})
        rest = [p for p in model.parameters() if all(p is not q for q in tower)] + list(told.parameters())
        yield Stage(
            "joint",
            recipe.joint_steps,
            JointBatches(recipe.seed, recipe.joint_batch, self.encoder, late=round(recipe.joint_steps * recipe.late)),
            self.joint_loss,
            [
                {"params": rest, "rate": recipe.joint_rate},
                {"params": tower, "rate": recipe.joint_rate * recipe.vision_rate_factor},
            ],
            nn.ModuleDict({"model": model, "told": told}),
            measure=lambda: teacher_forced_accuracy(self.model, self.encoder, scenes=48),
        )
        yield Stage(
            "polish",
            recipe.polish_steps,
            # Other pictures than the joint stage's; and text more often, numbers above all, which pictures crowd out.
            JointBatches(recipe.seed + 1, recipe.joint_batch, self.encoder, late=0, text_share=0.12, facts=(4, 2, 4)),
            self.joint_loss,
            [
                {"params": rest, "rate": recipe.polish_rate},
                {"params": tower, "rate": recipe.polish_rate * recipe.vision_rate_factor},
            ],
            nn.ModuleDict({"model": model, "told": told}),
            measure=lambda: teacher_forced_accuracy(self.model, self.encoder, scenes=48),
        )

    def run(self) -> None:
        """Train what is not trained yet. Safe to interrupt: the next run goes on from the last checkpoint."""
        runner = StageRunner(
            self.folder,
            self.device,
            {"vocabulary": self.tokenizer.get_vocab()},
            self.recipe.decay,
            self.recipe.checkpoint_every,
            self.recipe.measure_every,
            say=self.say,
        )
        for stage in self.stages():
            runner.run(stage)

    # --- measuring and exporting ------------------------------------------------------------------------

    @torch.no_grad()
    def text_accuracy(self) -> dict[str, float]:
        """Shares of unseen text-only answers that are right to the letter, and of colours known to be said before."""
        batch = TextBatches(self.recipe.seed + 1, 32, self.encoder, recitals=0)[-1]
        moved = {key: value.to(self.device) for key, value in batch.items()}
        last, early = self.text_states(moved)
        predicted = self.model.lm_head(last).argmax(-1).cpu()
        repeated = moved["repeats"][moved["repeats"] != IGNORE]
        noticed = self.repeats(early[moved["repeats"] != IGNORE]).argmax(-1) == repeated
        right = predicted[:, :-1] == batch["labels"][:, 1:]
        answers: list[bool] = []
        for row, labels in zip(right.tolist(), batch["labels"][:, 1:].tolist(), strict=True):
            whole = True
            for hit, label in zip(row, labels, strict=True):
                whole &= hit or label == IGNORE
                if label == self.encoder.eos:
                    answers.append(whole)
                    whole = True
        return {"text": sum(answers) / len(answers), "repeats": float(noticed.float().mean())}

    @torch.no_grad()
    def dense_accuracy(self) -> dict[str, float]:
        """Share of patches of unseen scenes whose class each dense head gets right."""
        batch = DenseBatches(self.recipe.seed + 1, 64)[-1]
        states = self.model.model.vision_tower(pixel_values=batch["pixels"].to(self.device)).last_hidden_state[:, 1:]
        logits = self.heads(states).cpu().split(list(HEADS.values()), dim=-1)
        accuracy = {}
        for name, logit, label in zip(HEADS, logits, batch["labels"].unbind(1), strict=True):
            # Background is easy and most of the picture: judge only the patches that show something.
            keep = (label != IGNORE) & ((label > 0) | (name in ("column", "row")))
            accuracy[name] = float((logit.argmax(-1) == label)[keep].float().mean())
        return accuracy

    def save_language_before(self) -> None:
        """Keep the language model as it is after the text stage."""
        language = LlamaForCausalLM(self.model.config.text_config)
        language.model.load_state_dict(self.model.model.language_model.state_dict())
        language.lm_head.load_state_dict(self.model.lm_head.state_dict())
        language.save_pretrained(self.folder / LANGUAGE_BEFORE)

    def export(self, destination: Path) -> None:
        """Write model, processor and the language model before visual training, as a hub model is laid out."""
        self.model.generation_config.eos_token_id = self.tokenizer.eos_token_id
        self.model.generation_config.pad_token_id = self.tokenizer.pad_token_id
        self.model.generation_config.bos_token_id = self.tokenizer.bos_token_id
        self.model.save_pretrained(destination)
        build_processor(self.tokenizer).save_pretrained(destination)
        LlamaForCausalLM.from_pretrained(self.folder / LANGUAGE_BEFORE).save_pretrained(destination / LANGUAGE_BEFORE)
        write_whole(destination / "recipe.json", (json.dumps(asdict(self.recipe), indent=2) + "\n").encode())
