"""What would it bring to decode answers together that are asked at the same time, and what would it change?

So many questions of equal length about one picture, without attention rows: each answered after the other, as the app
does; the same with their steps taking turns; and with one pass for the next token of all of them, which is the best
case of batching, since nothing is padded and no rows are recorded. Prompts are read one by one in each case, over the
kept beginning. What is told is processor and clock time for all of them, the mean time until an answer is whole, and by
how much the log-probabilities of the batch differ from those of an answer alone.

Run: `OMP_NUM_THREADS=1 python -m benchmarks.batched_asks` (`--geometry llava` for a random model of LLaVA's layers).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks._geometries import GEOMETRIES, loaded, save
from core.answer import Decoding, Question
from core.cases.street import street_cases
from core.vlm.hf.layer_memory import empty_cache
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.prefill import CachedSequence
from core.vlm.hf.rotary import batched, following
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.prepared import PreparedPrompt


@dataclass
class Asked:
    """One of the questions: the logits that chose each of its tokens, and when the last was there."""

    logits: list[Tensor]
    done: float = 0.0

    @property
    def ids(self) -> list[int]:
        return [int(row.argmax()) for row in self.logits]


Way = Callable[[TransformersModel, Sequence[PreparedPrompt], int], list[Asked]]


def one_by_one(model: TransformersModel, prompts: Sequence[PreparedPrompt], tokens: int) -> list[Asked]:
    """Each answer after the other."""
    return [each for prompt in prompts for each in in_turns(model, [prompt], tokens)]


def in_turns(model: TransformersModel, prompts: Sequence[PreparedPrompt], tokens: int) -> list[Asked]:
    """A token of each, over and over."""
    begun = [model.begin(prompt) for prompt in prompts]
    asked = [Asked([logits]) for logits, _ in begun]
    while len(asked[0].logits) < tokens:
        for each, (_, state) in zip(asked, begun, strict=True):
            each.logits.append(model.step(each.ids[-1], state))
            each.done = time.perf_counter()
    return asked


def together(model: TransformersModel, prompts: Sequence[PreparedPrompt], tokens: int) -> list[Asked]:
    """The next token of all in one pass. They must be equally long."""
    begun = [model.begin(prompt) for prompt in prompts]
    asked, states = [Asked([logits]) for logits, _ in begun], [state for _, state in begun]
    assert all(isinstance(state, CachedSequence) for state in states)
    caches = [state.cache for state in states if isinstance(state, CachedSequence)]
    layers = zip(*(cache.layers for cache in caches), strict=True)
    whole = tuple((torch.cat([one.keys for one in same]), torch.cat([one.values for one in same])) for same in layers)
    length = len(prompts[0].ids)
    passes, network = model._passes, model.network
    cache = empty_cache(network.config)
    for layer, states in zip(cache.layers, whole, strict=True):
        layer.update(*states)
    positions = prompts[0].positions  # type: ignore[attr-defined]
    after = None if positions is None else following(positions, 1)
    while len(asked[0].logits) < tokens:
        given = {"input_ids": torch.tensor([[each.ids[-1]] for each in asked], device=network.device)}
        if after is not None:
            one = batched(after)
            given["position_ids"] = one.expand(*one.shape[:-2], len(asked), 1)
            after = after + 1
        with passes.one_pass(length):
            logits = passes.last_logits(1, **given, past_key_values=cache, use_cache=True)
        length += 1
        for each, row in zip(asked, logits[:, 0], strict=True):
            each.logits.append(row)
            each.done = time.perf_counter()
    return asked


WAYS: dict[str, Way] = {"one by one": one_by_one, "in turns": in_turns, "together": together}


def embedded() -> tuple[TransformersModel, list[Question]]:
    """The model that comes with Sightline, and questions about one of its pictures."""
    model = load_model(EMBEDDED)
    assert isinstance(model, TransformersModel)
    image = next(iter(street_cases(1))).images[0]
    things = ("house", "car", "tree", "door", "sky", "sun", "ball", "shirt")
    return model, [Question(f"What color is the {thing}?", image) for thing in things]


def geometry(name: str, folder: Path) -> tuple[TransformersModel, list[Question]]:
    """A random model, and questions of equal length."""
    model = loaded(save(name, folder), "float32")
    assert isinstance(model, TransformersModel)
    width, height = GEOMETRIES[name].picture
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return model, [Question(f"What is {letter}?", Image.fromarray(pixels)) for letter in "abcdefgh"]


def compare(model: TransformersModel, questions: list[Question], count: int, tokens: int, rounds: int) -> None:
    """A line for each way."""
    prompts = [model.prepare(replace(each, decoding=Decoding(max_new_tokens=tokens))) for each in questions]
    lengths = [len(prompt.ids) for prompt in prompts]
    equal = [prompt for prompt in prompts if len(prompt.ids) == max(set(lengths), key=lengths.count)][:count]
    if len(equal) < count:
        raise SystemExit(f"only {len(equal)} questions are equally long")
    alone = in_turns(model, equal[:1], tokens)  # and warm
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in WAYS}
    said: dict[str, list[Asked]] = {}
    for _ in range(rounds):
        for name, way in WAYS.items():
            began, used = time.perf_counter(), time.process_time()
            said[name] = way(model, equal, tokens)
            mean = statistics.mean(each.done - began for each in said[name])
            taken[name].append((time.process_time() - used, time.perf_counter() - began, mean))
    first = [statistics.median(one[part] for one in taken["one by one"]) for part in range(3)]
    for name, rows in taken.items():
        processor, clock, mean = (statistics.median(one[part] for one in rows) for part in range(3))
        print(
            f"{count} asks {name:10}: processor {processor:.2f} s ({first[0] / processor:.2f} x as many answers), "
            f"clock {clock:.2f} s, mean wait {mean:.2f} s ({mean / first[2]:.2f} x)"
        )
    worst, flips = 0.0, 0
    for one, other in zip(said["one by one"], said["together"], strict=True):
        flips += one.ids != other.ids
        for a, b in zip(one.logits, other.logits, strict=True):
            if int(a.argmax()) != int(b.argmax()):
                break
            worst = max(worst, float((a.log_softmax(-1) - b.log_softmax(-1)).abs().max()))
    again = in_turns(model, equal[:1], tokens)
    same = all(torch.equal(a, b) for a, b in zip(alone[0].logits, again[0].logits, strict=True))
    print(
        f"  together: log-probabilities up to {worst:.1e} nats away, {flips} of {count} answers in other words; "
        f"alone again: {'the same to the last bit' if same else 'other numbers'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--geometry", choices=tuple(GEOMETRIES), help="instead of the embedded model")
    parser.add_argument("--asks", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--tokens", type=int, default=12, help="of each answer")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        model, questions = geometry(options.geometry, Path(folder)) if options.geometry else embedded()
        if options.geometry is None:
            print("the embedded model")
        for count in options.asks:
            compare(model, questions, count, options.tokens, options.rounds)


if __name__ == "__main__":
    main()
