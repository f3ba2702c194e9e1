"""How the run of a circuit is corrupted, and what was found, for JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..answer import Answer, TokenKind, subject
from ..circuits.circuit import Circuit
from ..circuits.told import areas_of, curves_of, rows_of
from ..errors import WrongOption
from ..images import as_image
from ..mechanisms.corruption import Corruption, Noise, OtherPrompt


def corruption_of(answer: Answer, images: Sequence[Path] | None, question: str | None) -> Corruption:
    """The corruption that options name; noise on the picture's tokens where they name none. Raises WrongOption for
    another number of pictures than the question has, and without a picture to lay noise on; and what `as_image`
    raises."""
    own = answer.question
    if images and len(images) != len(own.images):
        raise WrongOption(f"The question has {len(own.images)} pictures, so give --other-image as often.")
    if not images and question is None:
        positions = answer.layout.positions(TokenKind.IMAGE)
        if not positions:
            raise WrongOption("Without a picture the corrupted run needs other words: --other-question.")
        return Noise(positions, samples=1)
    pictures = tuple(as_image(path) for path in images) if images else own.images
    other = own if question is None else own.with_text(question)
    return OtherPrompt(replace(other, images=pictures, masks=() if images else own.masks))


def told(answer: Answer, circuit: Circuit) -> Iterator[dict[str, Any]]:
    """A line for the circuit, and one for each of its edges, largest scores first."""
    kept = [row for row in rows_of(circuit) if row["kept"]]
    yield {
        **subject(answer, circuit.target),
        "share": circuit.share,
        "steps": circuit.steps,
        "logprob_clean": circuit.clean_logprob,
        "logprob_corrupted": circuit.corrupted_logprob,
        "edges": len(kept),
        "of": int(circuit.edges.sum()),
        "faithfulness": circuit.faithfulness,
        "cpr_and_cmd": {name: list(areas) for name, areas in areas_of(circuit).items()},
        "curve": curves_of(circuit).rows(answer),
    }
    for row in kept:
        yield {"from": row["from"], "to": row["to"], "score": row["score"]}
