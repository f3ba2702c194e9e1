"""What does causal tracing cost? Batched runs from the restored layer on against the literal loop, in one process.

Noise on the picture's embeddings, and the residual stream restored at every layer and patch by patch. The literal loop
is the procedure as published: for each layer and patch one pass of the whole network, one hook that corrupts and one
that restores; it is handed the very noise that the batched run drew. Two models: the embedded one with all its patches,
and a random LLaVA (16 layers, 8 heads, width 512) with some of them. Processor time; both take turns on one thread.

Targets: at least twice as fast on each, with log-probabilities equal to 1e-4.
Run: `python -m benchmarks.interventions`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks._model import asked, build
from core.answer import Answer, Question, Target
from core.mechanisms.corruption import Noise, corrupted
from core.mechanisms.groups import Group, groups, patch_groups
from core.mechanisms.tracing import trace
from core.perturb.until import until_target
from core.street.draw import draw
from core.street.scene import sample
from core.vlm.edits import Site
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel


def literal(
    model: TransformersModel, answer: Answer, target: Target, noisy: torch.Tensor, patches: Sequence[Group]
) -> np.ndarray:
    """[layer patch] log-probabilities of the target's only token, each from a pass of its own."""
    network, (index,) = model.network, target.tokens
    layers = network.get_decoder().layers
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids[:index]], dtype=torch.long)], 1)
    inputs = {**answer.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    clean: list[torch.Tensor] = []
    hooks = [layer.register_forward_hook(lambda _, args, output: clean.append(output[0])) for layer in layers]
    network(**inputs, use_cache=False, logits_to_keep=1)
    for hook in hooks:
        hook.remove()
    filled = np.zeros((len(layers), len(patches)))
    for layer, row in enumerate(filled):
        for number, patch in enumerate(patches):
            positions = list(patch.positions)

            def corrupt(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
                return (noisy[None], *args[1:])

            def restore(_: Any, args: Any, output: torch.Tensor, layer: int = layer, at: Any = positions) -> None:
                output[0, at] = clean[layer][at]

            hooks = [layers[0].register_forward_pre_hook(corrupt), layers[layer].register_forward_hook(restore)]
            logits = network(**inputs, use_cache=False, logits_to_keep=1).logits[0, -1]
            row[number] = logits.float().log_softmax(-1)[answer.token_ids[index]]
            for hook in hooks:
                hook.remove()
    return filled


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what the work gave."""
    began = time.process_time()
    outcome = work()
    return time.process_time() - began, outcome


@torch.no_grad()
def compare(name: str, model: VisionLanguageModel, answer: Answer, index: int, most: int) -> None:
    """Time both for one token and as many patches as wanted, spread over the picture, and print the ratio."""
    assert isinstance(model, TransformersModel)
    target = Target((index,))
    short, token_targets = until_target(model, answer, target)
    image, *_ = groups(answer, token_targets)
    patches, _, _ = patch_groups(answer)
    patches = patches[len(patches) // (2 * most) :: len(patches) // most][:most]
    noise = Noise(image.positions, samples=1)
    (checkpoints,) = corrupted(model, short, noise, model.checkpointed(short))
    noisy = checkpoints.states(0, Site.INPUT)
    ours, reference = timed(lambda: trace(model, answer, target, noise, patches))
    theirs, expected = timed(lambda: literal(model, answer, target, noisy, patches))
    difference = np.abs(reference.logprob[0, 0] - expected).max()
    print(f"{name}: {len(noisy)} positions, {model.card.layers} layers, {len(patches)} patches")
    print(f"  literal loop  {theirs:8.2f} s")
    print(f"  batched       {ours:8.2f} s, {theirs / ours:.1f} times as fast; largest difference {difference:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--tokens", type=int, default=620, help="positions of the random LLaVA's sequence")
    parser.add_argument("--patches", type=int, default=3, help="patches restored in it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    embedded = load_model(EMBEDDED)
    question = Question("What color is the house?", images=(draw(sample(27)).image,))
    compare("embedded model", embedded, ask(embedded, question), 3, 144)
    random = build(options.tokens)
    compare("random LLaVA", random, asked(random, options.tokens), 0, options.patches)


if __name__ == "__main__":
    main()
