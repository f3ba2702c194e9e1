"""Does everything take as long as is foretold? Seconds foretold and taken, of the processor.

The forecast is made as a page makes it: after the question was asked, from the passes that were made until then. Each
method is run once for one word, on a street that the embedded model is asked about or on a random model of a real
geometry (`_geometries.py`).
Run: `OMP_NUM_THREADS=1 python -m benchmarks.forecasts [--geometry llava] [--method relevancy rollout]`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._geometries import GEOMETRIES, asked, loaded, save
from core.answer import Answer, Decoding, Question, Target
from core.api.showing import street_scene
from core.errors import SightlineError
from core.explainers.registry import explainers
from core.explainers.run import expected, explain
from core.vlm import pace
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel


@contextmanager
def subject(geometry: str | None) -> Iterator[tuple[VisionLanguageModel, Answer]]:
    """A model, and an answer that it has just given."""
    if geometry is None:
        model = load_model(EMBEDDED)
        question = Question("What color is the house?", (street_scene(),), decoding=Decoding(max_new_tokens=12))
        yield model, ask(model, question)
        return
    with tempfile.TemporaryDirectory() as folder:
        save(geometry, Path(folder))
        model = loaded(Path(folder) / geometry, "float32")
        yield model, asked(model, geometry)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--geometry", choices=tuple(GEOMETRIES), help="the embedded model otherwise")
    parser.add_argument("--method", nargs="+", choices=tuple(explainers()), default=list(explainers()))
    options = parser.parse_args()
    pace.clock = time.process_time
    with subject(options.geometry) as (model, answer):
        target = Target((len(answer.tokens) - 1,))
        for key in options.method:
            told = expected(explainers()[key], model, answer, [target])
            began = time.process_time()
            try:
                explain(explainers()[key], model, answer, [target])
            except SightlineError as error:
                print(f"{key:24s} {error}")
                continue
            taken = time.process_time() - began
            ratio = "" if told.seconds is None or not taken else f"{told.seconds / taken:6.2f}"
            print(f"{key:24s} {told.words:32s} took {taken:7.2f} s  foretold / taken {ratio}", flush=True)


if __name__ == "__main__":
    main()
