"""Probes: what can be read off a network's states by a line, and what adding to them does."""
