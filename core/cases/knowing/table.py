"""Probes as Markdown: a row for each layer, a column for each place; below, the best layer of each place."""

from __future__ import annotations

from ...probes.probe import Cell
from ...probes.states import PLACE_NAMES, RESIDUAL
from ..markdown import ends, table_head, table_row
from .figures import Knowing


def layer_name(found: Knowing, layer: int) -> str:
    """What a row is called: into which layer the states go, or which layer's part handed them on."""
    last = max(cell.layer for cell in found.cells)
    return "out" if found.where == RESIDUAL and layer == last else str(layer)


def probes_table(found: Knowing) -> str:
    """Accuracies by layer and place, and of each place's best layer its controls; with 95 % intervals."""
    places = [place for place in PLACE_NAMES if any(cell.place == place for cell in found.cells)]
    by: dict[tuple[int, str], Cell] = {(cell.layer, cell.place): cell for cell in found.cells}
    layers = sorted({cell.layer for cell in found.cells})
    lines = table_head(("into layer" if found.where == RESIDUAL else "layer", *(PLACE_NAMES[one] for one in places)))
    for layer in layers:
        cells = [f"{by[layer, place].accuracy.value:.2f}" if (layer, place) in by else "" for place in places]
        lines.append(table_row((layer_name(found, layer), *cells)))
    head = ("best layer, chosen by the other half", "accuracy", "best shuffled", "selectivity", "over the answers")
    lines += ["", *table_head(head)]
    for one in found.places:
        over = "" if one.over_answers is None else ends(one.over_answers, "+.2f")
        shuffled = f"{one.shuffled:.2f}"
        cells = [ends(one.accuracy, ".2f"), shuffled, ends(one.selectivity, "+.2f"), over]
        lines.append(table_row((PLACE_NAMES[one.place], *cells)))
    right = "" if found.right is None else f" The model answers rightly in {ends(found.right, '.2f')}."
    told = f"{found.used:,} of {found.cases:,} cases, {found.pictures:,} pictures, base rate {found.base_rate:.2f}."
    return "\n".join([*lines, "", told + right])
