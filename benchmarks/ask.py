"""What does recording cost? A recorded ask against the same ask unrecorded, and against plain `generate`, in one run.

All answer the same question about the same picture, taking turns, each with nothing kept from before. The ask streams
and measures every token's distribution; recorded, it also keeps its attention rows. The ratios of the medians are what
counts (targets: at most 1.05 times the same ask unrecorded, at most 1.1 times `generate`); a further figure is another
phrasing over the kept picture. The processor time of this process stands beside the clock's, because a machine that
also does other work only disturbs the latter.
Run: `python -m benchmarks.ask`, and with `--positions 620` on a random decoder of 16 layers and 8 heads.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, PreTrainedModel

from benchmarks._model import build
from core.answer import Answer, Decoding, Question
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, ModelSpec, load_model


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def loaded_pair(source: str) -> tuple[TransformersModel, PreTrainedModel]:
    """A model as it is loaded here, and as `transformers` loads it."""
    model = load_model(ModelSpec(source))
    if not isinstance(model, TransformersModel):
        raise SystemExit("this benchmark compares with a transformers network")
    plain = AutoModelForImageTextToText.from_pretrained(
        source, dtype=model.network.dtype, attn_implementation="sdpa", local_files_only=True
    )
    return model, plain.to(model.device).eval()


def random_pair(positions: int) -> tuple[TransformersModel, PreTrainedModel]:
    """The random decoder that other benchmarks use, twice with the same weights."""
    model, other = build(positions), build(positions)
    other.network.set_attn_implementation("sdpa")
    return model, other.network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", default=EMBEDDED.source, help="a model folder or hub id")
    parser.add_argument("--positions", type=int, help="a random decoder over so many positions instead")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--tokens", type=int, default=24, help="length of the answer")
    options = parser.parse_args()

    model, plain = random_pair(options.positions) if options.positions else loaded_pair(options.model)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (168, 168, 3), dtype=np.uint8))
    decoding = Decoding(max_new_tokens=options.tokens)
    question = Question("What color is the man's shirt?", (image,), decoding=decoding)
    phrasing = question.with_text("Which color does the shirt of the man have?")
    # Both must write equally many tokens, so nothing ends an answer early.
    model.end_ids = frozenset()
    plain.generation_config.eos_token_id = None

    def generate() -> torch.Tensor:
        # Preparing the inputs is part of asking, and part of using `generate`.
        inputs = model.prepare(question).inputs
        written: torch.Tensor = plain.generate(**inputs, max_new_tokens=options.tokens, do_sample=False)
        return written[0, inputs["input_ids"].shape[1] :]

    def recorded() -> Answer:
        model.forget()
        return ask(model, question)

    def unrecorded() -> Answer:
        model.forget()
        return ask(model, question, keep_attention=False)

    same = list(recorded().token_ids) == generate().tolist()
    turns: dict[str, Callable[[], object]] = {
        "generate": generate,
        "unrecorded ask": unrecorded,
        "recorded ask": recorded,
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in (*turns, "another phrasing")}
    for index in range(options.rounds):
        for name, work in list(turns.items())[:: 1 if index % 2 else -1]:
            times[name].append(seconds(work))
        ask(model, question)
        times["another phrasing"].append(seconds(lambda: ask(model, phrasing)))
    print(f"{model.card.name}, {model.card.dtype} on {model.card.device}, {torch.get_num_threads()} threads")
    print(f"{options.tokens} tokens, median of {options.rounds}; same tokens: {'yes' if same else 'NO'}")
    for column, kind in enumerate(("clock", "processor")):
        medians = {name: statistics.median(pair[column] for pair in taken) for name, taken in times.items()}
        for name, median in medians.items():
            ratios = (
                f"{median / medians['generate']:5.2f} x generate {median / medians['unrecorded ask']:5.2f} x unrecorded"
            )
            print(f"{kind:10s} {name:18s} {median * 1000:8.1f} ms   {ratios}")


if __name__ == "__main__":
    main()
