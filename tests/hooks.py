"""What is left hanging on a network, for the tests that nothing is."""

from __future__ import annotations

from core.vlm.hf.network import TransformersModel


def hooks_of(model: TransformersModel) -> list[int]:
    """How many hooks each module has; transformers leaves some of its own."""
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.network.modules()]
