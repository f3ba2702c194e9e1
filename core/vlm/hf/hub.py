"""From what somebody typed (a folder, or a hub id) to a local folder. Only a hub id that is not here yet touches
the network, and only after its size is known to fit."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from ...errors import ModelUnavailable
from ..memory import readable_bytes
from .files import check_folder

PATTERNS = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "*.txt"]
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
CANNOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.ENOTDIR}
TIMEOUT = 8.0
"""Seconds to wait for the hub's first answer."""


def local_folder(source: str) -> Path | None:
    """The folder of a source that is already on this machine: a path, or a downloaded hub model; else None.

    Touches no network. Raises ModelUnavailable for a source that is neither a folder nor a hub id.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelUnavailable(f"{path.name} is a file. Choose the folder of a model, with its config.json.")
    if not HUB_ID.fullmatch(source):
        raise ModelUnavailable(
            f"There is no model folder {source!r}. Choose a folder, or a hub id such as llava-hf/llava-1.5-7b-hf."
        )
    try:
        folder = Path(snapshot_download(source, local_files_only=True, allow_patterns=PATTERNS))
        check_folder(folder)
    except (LocalEntryNotFoundError, ModelUnavailable, OSError, ValueError):
        return None
    return folder


def hub_size(source: str) -> int:
    """Bytes of weights that a hub model holds. Raises ModelUnavailable: unknown id, gated, no network, no weights."""
    if constants.is_offline_mode():
        raise _unreachable(source, "offline mode is on (HF_HUB_OFFLINE)")
    try:
        info = HfApi().model_info(source, files_metadata=True, timeout=TIMEOUT)
    except GatedRepoError as error:
        raise _gated(source) from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(
            f"The hub has no public model {source}. Check the spelling; for a private one run `hf auth login`."
        ) from error
    except Exception as error:  # the hub's client changes its HTTP library, and each has its own errors
        raise _unreachable(source, type(error).__name__) from error
    sizes = [file.size or 0 for file in info.siblings or [] if file.rfilename.endswith(".safetensors")]
    if not sizes:
        raise ModelUnavailable(
            f"{source} has no weights in safetensors format, and pickled weights are never loaded here. "
            "Choose another model, often one whose name ends in -hf."
        )
    return sum(sizes)


def download(source: str, size: int, progress: Callable[[str], None]) -> Path:
    """Download a hub model of `size` bytes. Raises ModelUnavailable."""
    progress(f"Downloading {source} ({readable_bytes(size)})")
    try:
        return Path(snapshot_download(source, allow_patterns=PATTERNS))
    except GatedRepoError as error:
        raise _gated(source) from error
    except Exception as error:  # as above
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
            raise ModelUnavailable(
                f"{source} ({readable_bytes(size)}) cannot be kept in {constants.HF_HUB_CACHE} ({error.strerror}). "
                "Make room there and see that it can be written to, or set HF_HOME to another folder and start again."
            ) from error
        raise _unreachable(source, type(error).__name__) from error


def _gated(source: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{source} asks you to accept its licence first. Do so on its page on the hub, run `hf auth login`, and load "
        "it again."
    )


def _unreachable(source: str, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{source} is not on this machine and the hub cannot be reached ({reason}). Connect to the network and load "
        "it again, give the folder of a downloaded model, or use the embedded model."
    )
