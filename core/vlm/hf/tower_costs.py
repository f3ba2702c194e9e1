"""What a pass of a vision tower takes."""

from __future__ import annotations

from typing import Any

from ...answer import Answer


def tower_pass_bytes(
    config: Any, answer: Answer, hidden: int, number_bytes: int, checkpoints: bool = False, in_float32: bool = False
) -> int:
    """About the most that one pass of the vision tower over an answer's pictures takes; `hidden` is the width of a
    tower that tells none, and `number_bytes` are those of a number. With `checkpoints` what went into each layer is
    kept; `in_float32` says that products are made in float32 beside numbers of half precision."""
    vision = getattr(config, "vision_config", None)
    pixels = [value for value in answer.inputs.values() if value.is_floating_point()]
    width = getattr(vision, "embed_dim", None) or getattr(vision, "hidden_size", None) or hidden
    side = getattr(vision, "patch_size", None) or 14
    side = max(side) if isinstance(side, list | tuple) else side
    numbers = 3 * side**2 * (getattr(vision, "temporal_patch_size", None) or 1)
    places = sum(value.numel() for value in pixels) // numbers
    # Pixels in the network's precision as well, and some dozen copies of a layer's states.
    layers = getattr(vision, "num_hidden_layers", None) or getattr(vision, "depth", None) or 0
    copies = 24 + (int(layers) + 1 if checkpoints else 0)
    # What goes into a product and what comes out (the wide middle of the MLP and its states).
    beside = 8 * 4 if in_float32 else 0
    return sum(2 * value.nbytes for value in pixels) + places * int(width) * (copies * number_bytes + beside)
