"""Numbers as they are written on every page and in every command: probabilities, nats and sizes of files."""

from __future__ import annotations


def probability(share: float) -> str:
    """A probability in per cent that never says none, or all, where that is not so: “98.21%”, “>99.99%”."""
    if 0 < share < 0.00005:
        return "<0.01%"
    return ">99.99%" if 0.99995 < share < 1 else f"{share:.2%}"


def nats(value: float) -> str:
    """A log-probability, a log-odds or an entropy with its unit: “-0.018 nats”, “-2e-05 nats” where that is next to
    nothing."""
    return f"{value:.3f} nats" if abs(value) >= 0.0005 or value == 0 else f"{value:.0e} nats"


def change_in_nats(value: float) -> str:
    """How much a log-probability or a log-odds changes, with its sign: “+0.018 nats”; “0.000 nats” for none."""
    return f"{value:+.3f} nats" if abs(value) >= 0.0005 else "0.000 nats"


def file_size(count: int) -> str:
    """The bytes of a file: "34 kB", "2.1 MB", "14.1 GB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count / 1e3:.0f} kB"
