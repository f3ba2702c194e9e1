"""GLM-4V: the grid and the positions of Qwen-VL."""

from __future__ import annotations

from ._native_resolution import NativeResolution


class GLM4V(NativeResolution):
    """GLM-4V. Its tower is not described."""

    key = "glm4v"
    name = "GLM-4V"
    model_types = ("glm4v",)
