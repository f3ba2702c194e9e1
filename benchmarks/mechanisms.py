"""What do log-probability increases of all heads and all positions cost? `core.mechanisms` against the literal loop.

The network is a random LLaMA decoder (16 layers, 8 heads, width 512, 8,000 words; with `--wide` two layers as wide as
LLaVA-1.5's, with 32 heads and 32,000 words) as a LLaVA; the last token of its answer is predicted from 620 positions.
All start from nothing and find the increase of every head and, for every head, of every position.

- by head: what the published code does (Yu and Ananiadou 2024): one pass with eager attention, and then for each layer
  and head the contributions of all positions in one batch, the final norm at its frozen scale, a whole unembedding and
  its log-softmax. This is the comparison that counts.
- by position: this benchmark's own literal rule, in which each position goes by itself.
- all at once: `contributions`, `head_increases` and `source_increases`, with a pass over the whole sequence: nothing
  is kept from before.

Everything is measured in this process: all at once before and after the others, medians count. Ratios are of
processor time, which a busy machine changes less. Each comparison is made for all heads, and for the one head that
somebody looks at, of which the pass is a part. With `--sample N` the loop goes over every N-th position only, and with
`--heads N` the published code over every N-th head; their time is scaled, pass included. 0 leaves the loop out.
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

from benchmarks._model import LLAVA, Width, asked, build
from core.answer import Answer
from core.mechanisms.contributions import contributions
from core.mechanisms.logprob_increase import head_increases, source_increases
from core.vlm.hf.capture import NAME, TOWER
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget

TOKENS = 620

ONE = (1, 3)
"""The head that is looked at by itself."""

Increases = tuple[Float[Tensor, "layers heads"], Float[Tensor, "layers heads position"]]


def all_at_once(model: TransformersModel, answer: Answer, token_target: TokenTarget) -> Increases:
    """What the page computes."""
    model.forget()
    contributed = contributions(model, answer, [token_target])
    by_head = head_increases(model, contributed)[0]
    return by_head, source_increases(model, contributed)[0].view(*by_head.shape, -1)


def one_at_once(model: TransformersModel, answer: Answer, token_target: TokenTarget) -> Increases:
    """What the page computes of one head."""
    model.forget()
    contributed = contributions(model, answer, [token_target])
    sources = source_increases(model, contributed, [ONE])[0]
    by_source = torch.full((model.card.layers, model.card.heads, len(answer.layout)), float("nan"))
    by_source[ONE] = sources[0]
    return torch.full(by_source.shape[:2], float("nan")), by_source


def written_out(
    model: TransformersModel,
    answer: Answer,
    token_target: TokenTarget,
    step: int | None = None,
    only: tuple[int, int] | None = None,
    every: int = 1,
) -> Increases:
    """Each head's positions in one batch, or, where `step` is given, every `step`-th by itself; of every `every`-th
    head, or of `only` one. What is not computed is NaN."""
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
        return logits.log_softmax(-1)[..., token_target.token]

    by_head = torch.full((len(attentions), heads), float("nan"))
    by_source = torch.full((len(attentions), heads, len(answer.layout)), float("nan"))
    for layer, module in enumerate(decoder.layers):
        state = entered[layer][row]
        start = logprob(state)
        size = values[layer].shape[1] // heads
        for head in range(heads):
            if head % every or only not in (None, (layer, head)):
                continue
            own = slice(head * size, (head + 1) * size)
            weights, value = attentions[layer][0, head, row], values[layer][:, own]
            project = module.self_attn.o_proj.weight[:, own]
            by_head[layer, head] = logprob(state + project @ (weights @ value)) - start
            if step is None:
                added = (weights[: row + 1, None] * value[: row + 1]) @ project.T
                by_source[layer, head, : row + 1] = logprob(state + added) - start
                continue
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
    parser.add_argument("--rounds", type=int, default=3, help="before the others, and again after them")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th position of the loop only")
    parser.add_argument("--heads", type=int, default=1, metavar="N", help="every N-th head of the published code only")
    parser.add_argument("--wide", action="store_true", help="two layers as wide as LLaVA-1.5's")
    options = parser.parse_args()
    model = build(TOKENS, LLAVA if options.wide else Width())
    answer = asked(model, TOKENS)
    last = len(answer.tokens) - 1
    token_target = TokenTarget(last, answer.token_ids[last])
    print(f"{model.card.layers * model.card.heads} heads, {torch.get_num_threads()} threads")
    given = (model, answer, token_target)
    others = {"by head": (lambda: written_out(*given, every=options.heads), options.heads)}
    if options.sample:
        others["by position"] = (lambda: written_out(*given, step=options.sample), options.sample)
    compare("all heads", lambda: all_at_once(*given), others, options.rounds)
    one = {"by head": (lambda: written_out(*given, only=ONE), 1)}
    compare("one head", lambda: one_at_once(*given), one, options.rounds)


def compare(
    title: str, ours: Callable[[], Increases], others: dict[str, tuple[Callable[[], Increases], int]], rounds: int
) -> None:
    """Time ours before and after the others, of which a part may stand for so many times as much; medians, ratios, and
    how far the results are apart."""
    # The first pass through anything is slow.
    timed(ours)
    runs = [timed(ours) for _ in range(rounds)]
    taken = {name: (timed(work), scale) for name, (work, scale) in others.items()}
    runs += [timed(ours) for _ in range(rounds)]
    clock, processor = statistics.median(run.clock for run in runs), statistics.median(run.processor for run in runs)
    print(f"{title}: all at once {clock:7.2f} s {processor:7.2f} cpu-s (median of {len(runs)})")
    for name, (other, scale) in taken.items():
        heads, sources = (
            (ours - theirs).abs() for ours, theirs in zip(runs[0].increases, other.increases, strict=True)
        )
        apart = max(float(part.nan_to_num(0).max()) for part in (heads, sources))
        scaled = f" (one of {scale}, scaled)" if scale > 1 else ""
        print(
            f"  {name}: {other.clock * scale:7.2f} s {other.processor * scale:7.2f} cpu-s, "
            f"{other.processor * scale / processor:.1f} times as much{scaled}; "
            f"largest difference {apart:.1e} nats",
            flush=True,
        )


if __name__ == "__main__":
    main()
