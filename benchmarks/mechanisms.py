"""What do log-probability increases of all heads and all positions cost? `core.mechanisms` against the literal loop.

The network is a random LLaMA decoder (16 layers, 8 heads, width 512, 8,000 words) as a LLaVA; the last token of its
answer is predicted from 620 positions. Both start from nothing and find the increase of every head and, for every head,
of every position.

- literal: one pass with eager attention, and then for each layer, head and position the contribution, the final norm at
  its frozen scale, a whole unembedding and its log-softmax, one after the other (Yu and Ananiadou 2024).
- all at once: `contributions`, `head_increases` and `source_increases`, with a pass over the whole sequence: nothing
  is kept from before.

Everything is measured in this process: all at once before and after the loop, medians count. The ratio is one of
processor time, which a busy machine changes less. With `--sample N` the loop goes over every N-th position only, and
its time is scaled.
Targets: at least 20 times as fast, with equal results.
Run: `OMP_NUM_THREADS=2 python -m benchmarks.mechanisms`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks._model import asked, build
from core.answer import Answer
from core.mechanisms.contributions import contributions
from core.mechanisms.logprob_increase import head_increases, source_increases
from core.vlm.hf.capture import NAME, TOWER
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget

TOKENS = 620

Increases = tuple[Float[Tensor, "layers heads"], Float[Tensor, "layers heads position"]]


def all_at_once(model: TransformersModel, answer: Answer, token_target: TokenTarget) -> Increases:
    """What the page computes."""
    model.forget()
    contributed = contributions(model, answer, [token_target])
    by_head = head_increases(model, contributed)[0]
    return by_head, source_increases(model, contributed)[0].view(*by_head.shape, -1)


def literal(model: TransformersModel, answer: Answer, token_target: TokenTarget, step: int) -> Increases:
    """The loop, over every `step`-th position; the others are NaN."""
    network, decoder = model.network, model.network.get_decoder()
    entered: list[Tensor] = []
    values: list[Tensor] = []

    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entered.append((args[0] if args else kwargs["hidden_states"])[0])

    hooks = [module.register_forward_pre_hook(before, with_kwargs=True) for module in (*decoder.layers, decoder.norm)]
    hooks += [
        layer.self_attn.v_proj.register_forward_hook(lambda _, __, made: values.append(made[0]))
        for layer in decoder.layers
    ]
    network.set_attn_implementation({"": "sdpa", "text_config": "eager", "vision_config": TOWER})
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids[:-1]])], 1)
    inputs = {**answer.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    attentions = network(**inputs, use_cache=False, output_attentions=True).attentions
    network.set_attn_implementation({"": "sdpa", "text_config": NAME, "vision_config": TOWER})
    for hook in hooks:
        hook.remove()
    row, heads = token_target.position(answer), model.card.heads
    scale = torch.rsqrt(entered[-1][row].pow(2).mean() + decoder.norm.variance_epsilon)

    def logprob(state: Tensor) -> Tensor:
        logits = network.lm_head(decoder.norm.weight * state * scale)
        return logits.log_softmax(-1)[token_target.token]

    by_head = torch.zeros(len(attentions), heads)
    by_source = torch.full((len(attentions), heads, len(answer.layout)), float("nan"))
    for layer, module in enumerate(decoder.layers):
        state = entered[layer][row]
        start = logprob(state)
        size = values[layer].shape[1] // heads
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            weights, value = attentions[layer][0, head, row], values[layer][:, own]
            project = module.self_attn.o_proj.weight[:, own]
            by_head[layer, head] = logprob(state + project @ (weights @ value)) - start
            for position in range(0, row + 1, step):
                added = project @ (weights[position] * value[position])
                by_source[layer, head, position] = logprob(state + added) - start
    return by_head, by_source


@dataclass
class Taken:
    """Seconds by the clock and of processor time, and what was increases."""

    clock: float
    processor: float
    increases: Increases


def timed(compute: Callable[[], Increases]) -> Taken:
    """Run something once."""
    clock, processor = time.perf_counter(), time.process_time()
    with torch.no_grad():
        outcome = compute()
    return Taken(time.perf_counter() - clock, time.process_time() - processor, outcome)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="before the loop, and again after it")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th position of the loop only")
    options = parser.parse_args()
    model = build(TOKENS)
    answer = asked(model, TOKENS)
    last = len(answer.tokens) - 1
    token_target = TokenTarget(last, answer.token_ids[last])
    # The first pass through anything is slow.
    timed(lambda: all_at_once(model, answer, token_target))
    runs = [timed(lambda: all_at_once(model, answer, token_target)) for _ in range(options.rounds)]
    loop = timed(lambda: literal(model, answer, token_target, options.sample))
    runs += [timed(lambda: all_at_once(model, answer, token_target)) for _ in range(options.rounds)]
    report(runs, loop, options.sample, token_target.position(answer) + 1)


def report(runs: list[Taken], loop: Taken, sample: int, positions: int) -> None:
    """Medians, their ratio, and how far the results are apart."""
    (by_head, by_source), (heads, sources) = runs[0].increases, loop.increases
    measured = ~sources.isnan()
    share = int(measured.sum()) / (heads.numel() * positions)
    clock, processor = statistics.median(run.clock for run in runs), statistics.median(run.processor for run in runs)
    print(f"{heads.numel()} heads x {positions} positions, {torch.get_num_threads()} threads")
    scaled = f" (every {sample}th position, scaled)" if sample > 1 else ""
    print(f"literal      {loop.clock / share:7.2f} s {loop.processor / share:7.2f} cpu-s{scaled}")
    print(f"all at once  {clock:7.2f} s {processor:7.2f} cpu-s (median of {len(runs)})")
    print(f"literal / all at once: time {loop.clock / share / clock:.1f}, cpu {loop.processor / share / processor:.1f}")
    apart = (float((by_head - heads).abs().max()), float((by_source - sources)[measured].abs().max()))
    print(f"largest difference: heads {apart[0]:.1e} nats, positions {apart[1]:.1e} nats")


if __name__ == "__main__":
    main()
