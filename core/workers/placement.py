"""How much of the machines each of some equal workers gets, so that all of them find room.

Ray lets a worker wait for ever for a share that no machine has left: a third of three GPUs' worth each leaves the
fourth of four workers without one, though a quarter is idle on every card.
"""

from __future__ import annotations

from collections.abc import Sequence


def share(capacities: Sequence[float], workers: int) -> float:
    """The largest share of which `workers` fit into machines of these `capacities`: a whole number where that is
    possible, else one by a whole number, so that no worker is split between two units (two GPUs). 0 where the machines
    have nothing."""
    units = [int(capacity) for capacity in capacities]
    if not any(units):
        return 0.0
    for whole in range(max(units), 0, -1):
        if sum(unit // whole for unit in units) >= workers:
            return float(whole)
    return 1 / -(-workers // sum(units))
