"""What can go wrong while loading, as one kind of error whose text is for the screen."""

from __future__ import annotations


class ModelUnavailable(Exception):
    """A model that cannot be used. str(error) is a sentence: what happened, and what to do next."""
