"""What can go wrong on the way to a causal graph."""

from __future__ import annotations

from ..vlm.targets import ExplainError


class CausalError(ExplainError):
    """A graph or a test that cannot be had. str(error) is a sentence for the screen: what happened, what to do."""
