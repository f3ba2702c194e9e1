"""Are the sizes that a configuration tells those of a network? Looked at before anything is built by them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import ModelUnavailable

_SIZE = re.compile(
    r"(num_|n_)?(hidden_layers|layers?|attention_heads|heads?|key_value_heads|kv_heads)|depth|hidden_size|vocab_size"
    r"|intermediate_size|embed_dim|patch_size|image_size|max_position_embeddings|head_dim|num_channels"
)
"""The names of sizes without which there is no network."""

_LAYERS = re.compile(r"(num_|n_)?(hidden_)?layers?|depth")

_PARTS = ("text_config", "vision_config", "thinker_config")

_UNSAID = frozenset({"head_dim"})
"""What may be zero where a configuration leaves it to be computed."""


MOST_LAYERS = 10_000
"""Real networks have some hundreds at most."""


def check_sizes(name: str, described: Mapping[str, Any], tensors: int = MOST_LAYERS) -> None:
    """Raises ModelUnavailable where a size in the config.json of the model `name` is none, or where it tells of more
    layers than its weights have `tensors`."""
    for place, key, value in _sizes(described):
        where = f"config.json of {name} says {place}{key}: {_shown(value)}"
        if isinstance(value, bool) or not isinstance(value, int):
            raise ModelUnavailable(f"{where}, which is no number of anything. Download the model again.")
        if value < 0 or (value == 0 and key not in _UNSAID):
            raise ModelUnavailable(f"{where}, and there is no such network. Download the model again.")
        if _LAYERS.fullmatch(key) and value > MOST_LAYERS:
            raise ModelUnavailable(f"{where}, and no network has that many. Download the model again.")
        if _LAYERS.fullmatch(key) and value > tensors:
            raise ModelUnavailable(
                f"{where}, more than its weights hold tensors ({tensors:,}): they belong to different "
                "models. Download the model again."
            )


def _sizes(described: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Where a size stands, its name and value, in a configuration and its parts; what is left unsaid is none, and of
    what has one value for each side or stage each is one."""
    pending: list[tuple[str, Mapping[str, Any]]] = [("", described)]
    while pending:
        place, part = pending.pop()
        for key, value in part.items():
            if isinstance(value, dict):
                if key.endswith(_PARTS):
                    pending.append((f"{place}{key}.", value))
            elif _SIZE.fullmatch(key) and value is not None:
                for one in value if isinstance(value, list) else [value]:
                    yield place, key, one


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:40]}…"
