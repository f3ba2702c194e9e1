"""What may go wrong and is told to a person: the sentence of each says what happened and what to do."""

from __future__ import annotations


class SightlineError(Exception):
    """The base of all of them. str(error) is a sentence for the screen."""


class SettingsError(SightlineError, ValueError):
    """A setting out of its range, or settings that do not go together."""
