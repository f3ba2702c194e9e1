"""Where a network has its decoder."""

from __future__ import annotations

from typing import Any


def decoder_of(network: Any) -> Any:
    """The decoder of a network: what has the layers, and no head. What some call their decoder is one with its head
    (Llama 4), or holds it (OPT)."""
    decoder = network.get_decoder()
    while not hasattr(decoder, "layers"):
        decoder = decoder.model if hasattr(decoder, "model") else decoder.decoder
    return decoder
