"""Signals of doubt, one in each file."""
