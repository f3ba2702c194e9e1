"""What does exact relevancy cost? The explainers against the literal rule, and against the backward passes alone.

The network is a random LLaMA decoder (16 layers, 8 heads, width 512) after a vision tower too small to count, as a
LLaVA; its answer of 12 tokens is explained token by token, through the whole interface. Each measurement is one run in
a fresh process of its own, methods take turns, medians count. Memory is what a run had at most beyond what was in use
before it.

- literal: the rule as published: eager attention, weight gradients on, every layer's attention and its gradient kept,
  one backward pass for each token, n x n products.
- floor: one forward pass and one plain gradient with respect to the input for each token, SDPA, weights frozen,
  no attention. `floor (passes)` runs the forward pass for each token anew, as input gradients usually do.

Targets: exact at most 1/1.5 of the literal rule's time and 1/5 of its memory at 620 tokens, 1/2.5 and 1/8 at 2048;
suffix at most 1/10 and 1/10 at 620; exact at most 1.5 times the floor.
Run: `python -m benchmarks.relevancy --tokens 620 2048`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from benchmarks._model import TARGETS, asked, build
from core.answer import Answer, Decoding, Question
from core.explainers.relevancy import Relevancy, RelevancySettings
from core.explainers.run import explain
from core.explainers.suffix_relevancy import SuffixRelevancy
from core.vlm.generation import ask
from core.vlm.hf.capture import TOWER
from core.vlm.hf.network import TransformersModel
from core.vlm.memory import peak_memory
from core.vlm.targets import whole_answer


def replayed(model: TransformersModel, answer: Answer) -> dict[str, torch.Tensor]:
    """The inputs of a whole replay."""
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids[:-1]])], 1)
    return {**answer.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}


def literal(model: TransformersModel, answer: Answer) -> torch.Tensor:
    """The rule as published."""
    network, inputs = model.network, replayed(model, answer)
    network.set_attn_implementation({"": "sdpa", "text_config": "eager", "vision_config": TOWER})
    output = network(**inputs, use_cache=False, output_attentions=True)
    for attention in output.attentions:
        attention.retain_grad()
    rows, first = [], len(answer.prompt_tokens) - 1
    for index, token in enumerate(answer.token_ids):
        network.zero_grad()
        for attention in output.attentions:
            attention.grad = None
        output.logits[0, first + index, token].backward(retain_graph=index < TARGETS - 1)
        relevancy = torch.eye(output.attentions[0].shape[-1])
        for attention in output.attentions:
            relevancy = relevancy + (attention.grad * attention.detach()).clamp(min=0).mean(1)[0] @ relevancy
        rows.append(relevancy[first + index])
    return torch.stack(rows)


def floor(model: TransformersModel, answer: Answer, passes: bool) -> torch.Tensor:
    """Gradients with respect to the decoder's input alone."""
    network, inputs, gradients = model.network, replayed(model, answer), []
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    first = len(answer.prompt_tokens) - 1

    def logits() -> tuple[torch.Tensor, torch.Tensor]:
        kept = []

        def hold(_: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
            kept.append(kwargs["inputs_embeds"].requires_grad_())

        hook = network.model.language_model.register_forward_pre_hook(hold, with_kwargs=True)
        output = network(**inputs, use_cache=False, logits_to_keep=TARGETS)
        hook.remove()
        return output.logits[0], kept[0]

    written, embedded = logits()
    for index, token in enumerate(answer.token_ids):
        if passes and index:
            written, embedded = logits()
        (gradient,) = torch.autograd.grad(written[index, token], embedded, retain_graph=not passes)
        gradients.append((gradient * embedded.detach()).sum(-1)[0, : first + index + 1].sum())
    return torch.stack(gradients)


def exact(model: TransformersModel, answer: Answer) -> torch.Tensor:
    """The explainer, without the vision tower, which the literal rule does not have."""
    (explanation,) = explain(Relevancy(), model, answer, [whole_answer(answer)], RelevancySettings(through_tower=False))
    return explanation.scores


def suffix(model: TransformersModel, answer: Answer) -> torch.Tensor:
    """The explainer over the kept prefix."""
    (explanation,) = explain(SuffixRelevancy(), model, answer, [whole_answer(answer)])
    return explanation.scores


METHODS: dict[str, Callable[[TransformersModel, Answer], torch.Tensor]] = {
    "literal": literal,
    "exact": exact,
    "suffix": suffix,
    "floor": lambda model, answer: floor(model, answer, passes=False),
    "floor (passes)": lambda model, answer: floor(model, answer, passes=True),
}


def measure(method: str, tokens: int) -> dict[str, float]:
    """One run in this process: seconds by the clock and of processor time, and bytes."""
    model = build(tokens)
    answer = asked(model, tokens)
    # The first pass through anything is slow, and the allocator takes room that stays: warm up on a short answer.
    METHODS[method](model, ask(model, Question("x", decoding=Decoding(max_new_tokens=TARGETS)), keep_attention=False))
    if method == "literal":
        model.network.zero_grad()
    with peak_memory(model.device) as peak:
        clock, processor = time.perf_counter(), time.process_time()
        METHODS[method](model, answer)
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return {"clock": clock, "processor": processor, "bytes": float(peak() or 0), "tokens": len(answer.layout) - 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--tokens", type=int, nargs="+", default=[620, 2048])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=list(METHODS))
    parser.add_argument("--one", choices=tuple(METHODS), help="measure once in this process and print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.tokens[0])))
        return
    for tokens in options.tokens:
        results: dict[str, list[dict[str, float]]] = {method: [] for method in options.methods}
        for turn in range(options.rounds):
            for method in options.methods if turn % 2 == 0 else options.methods[::-1]:
                command = [sys.executable, "-m", "benchmarks.relevancy", "--one", method, "--tokens", str(tokens)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                results[method].append(json.loads(done.stdout.splitlines()[-1]))
        report(tokens, results)


def report(tokens: int, results: dict[str, list[dict[str, float]]]) -> None:
    """Medians, and how many times as much the literal rule and the floor take."""
    median = {
        method: {name: statistics.median(run[name] for run in runs) for name in ("clock", "processor", "bytes")}
        for method, runs in results.items()
    }
    rounds = len(next(iter(results.values())))
    print(f"{tokens} tokens, {TARGETS} targets, median of {rounds}, {torch.get_num_threads()} threads")
    for method, taken in median.items():
        line = f"{method:15s} {taken['clock']:7.2f} s  {taken['processor']:7.2f} cpu-s {taken['bytes'] / 1e6:7.0f} MB"
        if (base := median.get("literal")) is not None:
            line += f"   literal/this: time {base['processor'] / taken['processor']:5.2f}"
            line += f" memory {base['bytes'] / max(1.0, taken['bytes']):5.2f}"
        if (base := median.get("floor")) is not None:
            line += f"   this/floor {taken['processor'] / base['processor']:5.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
