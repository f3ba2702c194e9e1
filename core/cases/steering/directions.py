"""A label's directions, layer by layer, from states that probes kept: of the same cases, or borrowed from others.

They are found apart for each two words that questions ask for. Of a door that is open, "Is it open?" asks for yes and
"Is it closed?" for no: what carries the door to the answer has the opposite sign in the two, and a mean over both would
cancel it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from ...errors import NotApplicable, OtherRun
from ...probes.states import PLACES, RESIDUAL
from ...probes.steering import mean_difference
from ...vlm.model import ModelCard
from ..journal import each_line, read_journal
from ..knowing.figures import Line, read_line
from ..knowing.kept_states import KeptStates, states_file
from ..knowing.run import KIND
from .words import Words, words_for

Directions = Mapping[Words, Float[np.ndarray, "layer hidden"]]
"""By what is asked for, that of most cases first; from the label's first value to its second, in what goes into each
layer."""
LEAST = 4
"""Cases of each value over which a direction may be found."""


def directions_of(
    lines: Sequence[Line],
    asked: Sequence[Words | None],
    fitted: Bool[np.ndarray, "case"],
    states: KeptStates,
    values: tuple[str, ...],
    layers: int,
    place: str,
) -> Directions:
    """The directions at a place over the cases that are `fitted` and of which it is known what they ask for. Raises
    NotApplicable where a case has no such place, or a value too few cases."""
    found: dict[Words, Float[np.ndarray, "layer hidden"]] = {}
    for words, _ in Counter(words for words, one in zip(asked, fitted, strict=True) if one and words).most_common():
        own = [line for line, one, of in zip(lines, fitted, asked, strict=True) if one and of == words]
        rows = [line.row for line in own if line.row is not None]
        labels = np.array([values.index(line.label) for line in own])
        if min(np.bincount(labels, minlength=2)) < LEAST:
            continue
        every = [states.column(rows, layer, PLACES.index(place)) for layer in range(layers)]
        if any(np.isnan(column).any() for column in every):
            raise NotApplicable(f"Some cases have no positions of the place “{place}”. Choose another place.")
        found[words] = np.stack([mean_difference(column, labels) for column in every])
    if not found:
        raise NotApplicable(
            f"Half of the pictures has fewer than {LEAST} cases of each value of the label that ask for the same "
            "words. Choose more cases."
        )
    return found


def borrowed_directions(
    file: Path, card: ModelCard, values: tuple[str, ...], label: str, place: str
) -> tuple[Directions, str]:
    """The directions over all cases of another file of probes of the same model, whose label has the same values; and
    what its cases are. Raises JournalError, OtherRun, NotApplicable, NotWritten."""
    header, records = read_journal(file, KIND)
    if header.get("model") != card.fingerprint or header.get("where") != RESIDUAL:
        raise OtherRun(
            f"{file.name} holds no probes of the residual stream of {card.name}. Name a file that `sightline probes` "
            "wrote for this model."
        )
    lines = [line for line in each_line(records, read_line, file) if line.row is not None]
    if {line.label for line in lines} != set(values):
        raise NotApplicable(
            f"The label of {file.name} has other values than {' and '.join(values)}. Choose another file."
        )
    asked = [words_for(line.expected, line.label, values, label) for line in lines]
    if not any(asked):
        raise NotApplicable(f"{file.name} does not tell what its questions ask for. Measure it anew with this version.")
    shape = (card.layers + 1, len(PLACES), card.hidden)
    with KeptStates(states_file(file), shape, len(lines)) as states:
        every = np.ones(len(lines), bool)
        return directions_of(lines, asked, every, states, values, card.layers, place), str(header.get("of"))
