"""What a kept thing may measure. Files come from outside too, and nothing about them is believed."""

from __future__ import annotations

MOST_JSON = 16 * 2**20
"""Bytes of one JSON file."""
MOST_TENSOR_BYTES = 2 * 2**30
"""Bytes of one file of tensors."""
MOST_TENSORS = 4096
LONGEST_AXIS = 2**31
MOST_AXES = 8
LONGEST_TEXT = 2**20
"""Characters of one text."""
DEEPEST = 32
"""Levels of settings and the like, whose types nobody declares."""
MOST_ROW_BYTES = 128 * 2**20
"""Bytes of one answer's attention rows in half precision: those of the last tokens, where all would take more. (64
tokens of LLaVA-1.5 7B take 86 MB.)"""
LONGEST_TITLE = 120
LONGEST_TAG = 40
MOST_TAGS = 50
LONGEST_NOTES = 20_000
