"""What lies in a model folder: are its files there and whole, and how large are its weights. Nothing is executed."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from ...errors import ModelUnavailable
from ..spec import hub_place
from .kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS, trouble_with_config, trouble_with_files

INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
BYTES = {
    "F64": 8,
    "I64": 8,
    "F32": 4,
    "I32": 4,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "F8_E4M3": 1,
    "U8": 1,
    "I8": 1,
    "BOOL": 1,
}
LARGEST_HEADER = 100_000_000
LARGEST_DESCRIPTION = 200_000_000
"""Bytes of a JSON file: the vocabularies of real models take up to 40 million."""
WHOLE_HASH = 64 * 2**20
"""Weights up to this many bytes are hashed whole; of larger ones the headers, sizes and a megabyte from each end."""


def called(folder: Path) -> str:
    """What to call a model folder on the screen: by its hub id where it is the hub's."""
    place = hub_place(folder)
    return folder.name if place is None else place[0]


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object of a model folder. Raises ModelUnavailable when it is missing or not one."""
    check_regular(path)
    try:
        if path.stat().st_size > LARGEST_DESCRIPTION:
            raise ValueError(f"it is larger than {LARGEST_DESCRIPTION / 1e6:.0f} MB")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise missing(path.parent, path.name) from None
    except RecursionError:
        raise ModelUnavailable(
            f"{path.name} in {called(path.parent)} is nested too deeply to be read. Download the model again."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{path.name} in {called(path.parent)} cannot be read ({error}). Download the model again."
        ) from error
    if not isinstance(value, dict):
        raise ModelUnavailable(
            f"{path.name} in {called(path.parent)} is not what it should be. Download the model again."
        )
    return value


def check_regular(path: Path) -> None:
    """Raises ModelUnavailable for what is there and neither a file nor a folder: reading a pipe would never end."""
    try:
        mode = path.stat().st_mode
    except OSError:  # it is not there, or whoever reads it says what is wrong
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ModelUnavailable(
            f"{path.name} in {called(path.parent)} is neither a file nor a folder, and is not opened. Download the "
            "model again."
        )


def missing(folder: Path, name: str) -> ModelUnavailable:
    """The error of a folder that lacks a file."""
    return ModelUnavailable(
        f"The model folder {called(folder)} has no {name}. Copy the file into it, or download the model again."
    )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a model folder. Raises ModelUnavailable naming what is missing."""
    if (folder / WEIGHTS).exists():
        return (folder / WEIGHTS,)
    if (folder / INDEX).exists():
        table = read_json(folder / INDEX).get("weight_map", {})
        if not isinstance(table, dict):
            raise ModelUnavailable(
                f"{INDEX} in {called(folder)} does not say in which file each weight is. Download the model again."
            )
        names = sorted({str(name) for name in table.values()})
        for name in names:
            if Path(name).name != name or not (folder / name).exists():
                raise missing(folder, name)
        if names:
            return tuple(folder / name for name in names)
    if any(folder.glob("pytorch_model*.bin")) or any(folder.glob("*.pt")):
        raise ModelUnavailable(
            f"{called(folder)} has its weights only as pickled PyTorch files, which can run code when they are opened "
            "and are never loaded here. Convert them to safetensors, or choose another model."
        )
    raise missing(folder, WEIGHTS)


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: name -> dtype, shape and place. Raises ModelUnavailable when the file is
    not one, or is shorter or longer than its header says."""
    check_regular(path)
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(LARGEST_HEADER, size - 8):
                raise ValueError("it has no header")
            header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ValueError("its header is no table")
        tensors = {name: value for name, value in header.items() if name != "__metadata__"}
        end = max((_end(name, value) for name, value in tensors.items()), default=0)
    except RecursionError:
        raise ModelUnavailable(
            f"The weights file {path.name} is damaged (its header is nested too deeply). Download it again."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"The weights file {path.name} is damaged ({error}). Download it again.") from error
    if size != 8 + length + end:
        raise ModelUnavailable(
            f"The weights file {path.name} is damaged: it holds {size:,} bytes where {8 + length + end:,} are "
            "expected. Download it again."
        )
    return tensors


def _end(name: str, tensor: Any) -> int:
    """Where a tensor ends that a header describes. Raises ValueError for one that it does not describe."""
    described = tensor if isinstance(tensor, dict) else {}
    offsets = described.get("data_offsets")
    named = isinstance(described.get("dtype"), str) and _counts(described.get("shape"))
    if named and _counts(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1]:
        return offsets[1]
    raise ValueError(f"its header does not say what {name[:80]} is")


def _counts(value: Any) -> TypeGuard[list[int]]:
    """Whether something is a list of whole numbers from zero on."""
    return isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)


def count_parameters(headers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many numbers there are of each safetensors dtype."""
    counts: dict[str, int] = {}
    for header in headers:
        for tensor in header.values():
            size = int(tensor["data_offsets"][1]) - int(tensor["data_offsets"][0])
            counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + size // BYTES.get(tensor["dtype"], 1)
    return counts


def check_kind(folder: Path) -> None:
    """Raises ModelUnavailable for a folder that is something else than a model in safetensors, naming what it is."""
    names = set()
    for path in folder.iterdir():
        check_regular(path)
        names.add(path.name)
    trouble = trouble_with_files(called(folder), names, base_of_adapter(folder)) or trouble_with_config(
        called(folder), read_json(folder / "config.json")
    )
    if trouble:
        raise ModelUnavailable(trouble)


def base_of_adapter(folder: Path) -> str | None:
    """The model that an adapter's folder says it belongs to; None where it says none."""
    base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path") if has_adapter(folder) else None
    return base if isinstance(base, str) and base else None


def has_adapter(folder: Path) -> bool:
    """Whether an adapter lies in a folder, alone or beside a whole model."""
    return (folder / ADAPTER_CONFIG).is_file()


def check_folder(folder: Path) -> tuple[Path, ...]:
    """The weight files of a folder that has everything a model needs. Raises ModelUnavailable naming the first
    file that is missing or damaged."""
    check_kind(folder)
    weights = weight_files(folder)
    for names in (TOKENIZERS, PROCESSORS):
        if not any((folder / name).exists() for name in names):
            raise missing(folder, " or ".join(names[:2]))
    for name in (*TOKENIZERS, *PROCESSORS):
        if name.endswith(".json") and (folder / name).exists():
            read_json(folder / name)
    return weights


def fingerprint(folder: Path, weights: Iterable[Path], adapter: Path | None = None) -> str:
    """A hash of configuration and weights, and of those of an adapter."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    files = [*weights]
    if adapter is not None:
        digest.update((adapter / ADAPTER_CONFIG).read_bytes())
        files.append(adapter / ADAPTER_WEIGHTS)
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            if size <= WHOLE_HASH:
                digest.update(file.read())
                continue
            length = int.from_bytes(file.read(8), "little")
            digest.update(file.read(min(length, LARGEST_HEADER) + 2**20))
            file.seek(-(2**20), 2)
            digest.update(file.read())
    return digest.hexdigest()
