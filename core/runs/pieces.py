"""A piece of a run: a JSON file and, where it has arrays, a file of tensors that it names.

Each piece stands alone, so that one broken file loses one piece. A checksum of either is kept, by which damage is seen
that would still read as numbers. Tensors are written first, under a name that is theirs alone, and the JSON that names
them after that: whatever a kill interrupts, the piece is the former one or the new one. It is no seal: who changes a
piece on purpose can change the checksum too, so nothing that is read is trusted for having one.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..errors import NotWritten, RunDamaged, RunOfAnotherVersion
from ..writing import write_whole
from .codec.form import Broken, Form, Given, Out
from .files import as_json, parsed, read_file
from .limits import LONGEST_AXIS, MOST_AXES, MOST_JSON, MOST_TENSOR_BYTES, MOST_TENSORS

MARK = "sightline"
"""The key by which a JSON file is known as a piece; its value says of what."""
FORM = 1
"""Of the files: pieces of a higher number were written by a later version."""
HEADER_BYTES = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_TENSORS = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}\.[0-9a-f]{16}\.safetensors")


@dataclass(frozen=True, eq=False)
class Piece:
    """What a piece holds as it stands in its files."""

    content: Any
    tensors: Mapping[str, Tensor]


def check_name(name: str) -> str:
    """A piece's name: it cannot lead anywhere else. Raises RunDamaged."""
    if not _NAME.fullmatch(name):
        raise RunDamaged(f"{name[:40]!r} is no name of a piece of a run.")
    return name


def write_piece(folder: Path, name: str, kind: str, content: Any, tensors: Mapping[str, Tensor]) -> None:
    """Write a piece, or leave the former one as it is. Raises NotWritten."""
    data = save(dict(tensors)) if tensors else b""
    if len(data) > MOST_TENSOR_BYTES or len(tensors) > MOST_TENSORS:
        raise NotWritten(
            f"This result has {len(data) / 2**20:,.0f} MB of numbers, and at most {MOST_TENSOR_BYTES / 2**20:,.0f} are "
            "kept of one. It stays on screen until the page is closed; save it with the page's own button."
        )
    file, checksum = None, None
    if tensors:
        checksum = hashlib.sha256(data).hexdigest()
        file = f"{name}.{checksum[:16]}.safetensors"
        write_whole(folder / file, data)
    body = {"content": content, "tensors": file, "tensors_sha256": checksum}
    try:
        json_text = piece_json(kind, body)
    except ValueError as error:
        raise NotWritten("This result has more text than is kept of one. It stays on screen.") from error
    write_whole(folder / f"{name}.json", json_text)
    for former in folder.glob(f"{name}.*.safetensors"):
        if former.name != file:
            with contextlib.suppress(OSError):
                former.unlink()


def piece_json(kind: str, body: Mapping[str, Any]) -> bytes:
    """The JSON of a piece of this kind. Raises ValueError for too much of it."""
    return as_json({MARK: kind, "form": FORM, "sha256": hashlib.sha256(as_json(body)).hexdigest(), **body})


def read_piece(folder: Path, name: str, kind: str) -> Piece:
    """A piece of this kind. Raises RunDamaged."""
    plain = read_json(folder, name, kind)
    file = plain["tensors"]
    return Piece(plain["content"], _tensors(folder, name, file, plain["tensors_sha256"]) if file is not None else {})


def read_json(folder: Path, name: str, kind: str) -> dict[str, Any]:
    """The JSON of a piece of this kind, whole and undamaged. Raises RunDamaged."""
    file = f"{check_name(name)}.json"
    plain = parsed(read_file(folder / file, MOST_JSON), file)
    if not isinstance(plain, dict) or plain.get(MARK) != kind:
        raise RunDamaged(f"{file} is damaged: it does not say that it is a {kind}.")
    if plain.get("form") != FORM:
        raise RunOfAnotherVersion(f"{file} was written by a version of Sightline whose files this one cannot read.")
    body = {key: plain.get(key) for key in ("content", "tensors", "tensors_sha256")}
    try:
        checksum = hashlib.sha256(as_json(body)).hexdigest()
    except (ValueError, RecursionError) as error:
        raise RunDamaged(f"{file} is damaged: what it holds is no JSON.") from error
    if plain.get("sha256") != checksum:
        raise RunDamaged(f"{file} is damaged: its checksum does not fit what it holds.")
    if body["tensors"] is not None and not (isinstance(body["tensors"], str) and _TENSORS.fullmatch(body["tensors"])):
        raise RunDamaged(f"{file} is damaged: it names no file of tensors.")
    return body


def encoded(form: Form, value: object, out: Out) -> tuple[Any, Mapping[str, Tensor]]:
    """Content and tensors of a value."""
    content = form.encode(value, out)
    return content, out.tensors


def decoded(form: Form, piece: Piece, given: Given, name: str) -> Any:
    """The value of a piece. Raises RunDamaged."""
    try:
        return form.decode(piece.content, given)
    except Broken as error:
        raise RunDamaged(f"{name} is damaged: {error}.") from error
    except RecursionError as error:
        raise RunDamaged(f"{name} is damaged: it is nested without end.") from error


def _tensors(folder: Path, name: str, file: str, checksum: object) -> Mapping[str, Tensor]:
    if not file.startswith(f"{name}."):
        raise RunDamaged(f"{name}.json is damaged: it names the tensors of another piece.")
    data = read_file(folder / file, MOST_TENSOR_BYTES)
    if hashlib.sha256(data).hexdigest() != checksum:
        raise RunDamaged(f"{file} is damaged: its checksum does not fit what it holds.")
    _check_header(data, file)
    try:
        return load(data)
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        raise RunDamaged(f"{file} is damaged: it holds no tensors.") from error


def _check_header(data: bytes, file: str) -> None:
    """Raises RunDamaged for more tensors or axes than are read, and for shapes that are none."""
    length = int.from_bytes(data[:HEADER_BYTES], "little")
    if len(data) < HEADER_BYTES or length > min(len(data) - HEADER_BYTES, MOST_JSON):
        raise RunDamaged(f"{file} is damaged: it holds no tensors.")
    header = parsed(data[HEADER_BYTES : HEADER_BYTES + length], file)
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise RunDamaged(f"{file} is damaged: it holds no tensors, or more than are read.")
    for about in header.values():
        shape = about.get("shape") if isinstance(about, dict) else None
        sizes = shape if isinstance(shape, list) else [] if shape is None else [-1]
        if len(sizes) > MOST_AXES or not all(type(size) is int and 0 <= size <= LONGEST_AXIS for size in sizes):
            raise RunDamaged(f"{file} is damaged: it holds a tensor of no possible shape.")
