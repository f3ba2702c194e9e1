"""Judge the embedded model on scenes that training never draws: `python -m core.street evaluate`.

The model is loaded like any hub model, asked through its own chat template, and its greedy answer must equal
the right sentence to the letter.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm
from transformers import AutoModelForImageTextToText, AutoProcessor

from ..writing import write_whole
from .batches import HELD_OUT_SEED
from .draw import draw
from .questions import DOOR_PHRASINGS, MAKERS, STATES, Pair, door, door_pair
from .scene import DOOR_KINDS, Scene, sample
from .textual import ask_from_text

BATCH = 32
MAX_NEW_TOKENS = 72


@dataclass(frozen=True, eq=False)
class Probe:
    """One thing to ask: earlier exchanges, the pair and the picture (None for text-only)."""

    family: str
    pair: Pair
    image: Image.Image | None
    history: tuple[Pair, ...] = ()


@dataclass
class Results:
    """Accuracy by family; `contradictions`: for each truck and house, whether 'open?' and 'closed?' were both
    answered with yes. Shares are of 1."""

    hits: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    contradictions: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def families(self) -> dict[str, dict[str, float | int]]:
        """{family: {"accuracy": share of exact matches, "n": questions}}, by name."""
        return {name: {"accuracy": sum(hits) / len(hits), "n": len(hits)} for name, hits in sorted(self.hits.items())}


def probes(scene: Scene, rng: random.Random) -> list[Probe]:
    """One question of every family about a scene, every door asked both ways, a follow-up and a text-only one."""
    image = draw(scene).image
    visual = [pair for maker in MAKERS if maker is not door for pair in [maker(scene, rng)] if pair is not None]
    gathered = [Probe(pair.family, pair, image) for pair in visual]
    for kind in DOOR_KINDS:
        item = scene.the(kind)
        if item is not None and item.door is not None:
            phrasing = rng.choice(DOOR_PHRASINGS)
            for asked in STATES:
                pair = door_pair(kind, item.door, asked, phrasing)
                gathered.append(Probe(pair.family, pair, image))
    first, second = rng.sample(visual, 2)
    gathered.append(Probe("follow_up", second, image, (first,)))
    textual = ask_from_text(rng)[0]
    gathered.append(Probe(textual.family, textual, None))
    return gathered


def _messages(probe: Probe) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for number, pair in enumerate((*probe.history, probe.pair)):
        opening = [{"type": "image"}] if number == 0 and probe.image is not None else []
        messages.append({"role": "user", "content": [*opening, {"type": "text", "text": pair.question}]})
        if number < len(probe.history):
            messages.append({"role": "assistant", "content": [{"type": "text", "text": pair.answer}]})
    return messages


@torch.no_grad()
def answers(model: Any, processor: Any, batch: list[Probe]) -> list[str]:
    """Greedy answers to a batch of probes that all have, or all lack, a picture."""
    texts = [processor.apply_chat_template(_messages(probe), add_generation_prompt=True) for probe in batch]
    images = [probe.image for probe in batch] if batch[0].image is not None else None
    inputs = processor(
        text=texts, images=images, padding=True, padding_side="left", add_special_tokens=False, return_tensors="pt"
    ).to(model.device)
    produced = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
    new = produced[:, inputs["input_ids"].shape[1] :]
    return [str(text) for text in processor.tokenizer.batch_decode(new, skip_special_tokens=True)]


def _batches(items: Iterable[Probe]) -> Iterable[list[Probe]]:
    """Batches of one kind of input each; long descriptions apart from short answers."""
    waiting: dict[tuple[bool, bool], list[Probe]] = defaultdict(list)
    for probe in items:
        group = waiting[(probe.image is None, len(probe.pair.answer) > 60)]
        group.append(probe)
        if len(group) == BATCH:
            yield list(group)
            group.clear()
    yield from (group for group in waiting.values() if group)


def evaluate(folder: Path, scenes: int) -> Results:
    """Ask every family about `scenes` held-out scenes. Raises OSError when the folder holds no model."""
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    rng = random.Random("evaluate")
    asked = [probe for number in range(scenes) for probe in probes(sample(HELD_OUT_SEED + number), rng)]
    results = Results()
    yes: dict[tuple[str, int], list[bool]] = defaultdict(list)
    bar = tqdm(total=len(asked), desc="asking", unit="question")
    for batch in _batches(asked):
        for probe, said in zip(batch, answers(model, processor, batch), strict=True):
            results.hits[probe.family].append(said == probe.pair.answer)
            if probe.family.endswith(("_agree", "_conflict")):
                kind = probe.family.split("_")[1]
                yes[kind, id(probe.image)].append(said.startswith("Yes"))
        bar.update(len(batch))
    bar.close()
    for (kind, _), said_yes in yes.items():
        results.contradictions[kind].append(all(said_yes))
    return results


def table(results: Results) -> str:
    """The README's table, in Markdown."""
    lines = ["| family | exact match | n |", "|---|---:|---:|"]
    for name, figures in results.families().items():
        lines.append(f"| {name} | {100 * figures['accuracy']:.1f} % | {figures['n']} |")
    for kind, both in results.contradictions.items():
        share = 100 * sum(both) / len(both)
        lines.append(f"\n'yes' to both 'open?' and 'closed?' about the same {kind}: {share:.1f} % of {len(both)}")
    return "\n".join(lines)


def write_json(results: Results, file: Path) -> None:
    """Write {family: {"accuracy": share, "n": questions}}."""
    write_whole(file, (json.dumps(results.families(), indent=2) + "\n").encode())
