"""Journals as a killed process or a full disk leaves them, and as an editor may."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.hostile.files import DEEP, damaged


def torn(whole: bytes) -> Iterator[bytes]:
    """All that a killed process can leave of a journal: its beginning, cut after a line or in the middle of one."""
    yield b""
    at = 0
    for line in whole.splitlines(keepends=True):
        yield whole[: at + len(line) // 2]
        yield whole[: at + len(line) - 1]
        at += len(line)
        yield whole[:at]


def edited(whole: bytes, most: int = 40) -> Iterator[tuple[str, bytes]]:
    """A journal that somebody changed, by how."""
    header, *lines = whole.splitlines(keepends=True)
    for what, changed in damaged(json.loads(header), most=most):
        yield f"header: {what}", json.dumps(changed).encode() + b"\n" + b"".join(lines)
    if lines:
        for what, changed in damaged(json.loads(lines[-1]), most=most):
            yield f"line: {what}", header + b"".join(lines[:-1]) + json.dumps(changed).encode() + b"\n"
        yield "a line twice", whole + lines[-1]
        yield "lines in another order", header + b"".join(reversed(lines))
    yield "a deep line", whole + DEEP.encode() + b"\n"
    yield "zeros at its end", whole + b"\0" * 4096
    yield "zeros and an end", whole + b"\0" * 4096 + b"\n"
    yield "returns", whole.replace(b"\n", b"\r\n")
    yield "a mark at its beginning", b"\xef\xbb\xbf" + whole
