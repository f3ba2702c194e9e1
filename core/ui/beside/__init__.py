"""Pinned answers in columns: what was said, maps, heads and lens, on one scale, and their differences."""
