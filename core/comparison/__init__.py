"""Comparing answers with each other: token by token, and by what they claim."""
