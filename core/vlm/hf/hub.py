"""From what somebody typed (a folder, or a hub id) to a local folder. Only a hub id that is not here yet touches
the network, and only after its size is known to fit.

Files are fetched one by one, so that it can be told which, how much and how long yet, and that a download can be
stopped; what it has stays in the cache, and the next one goes on from there.
"""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]
from tqdm import tqdm

from ...errors import ModelUnavailable
from ...typed_paths import is_file, is_folder, typed_path
from ..cancel import Cancelled, CancelToken
from ..memory import readable_bytes
from ..spec import ModelSpec, is_hub_id
from .files import check_folder
from .kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS, trouble_with_files
from .transfers import in_pieces

T = TypeVar("T")

DESCRIPTIONS = re.compile(r"[^/]+\.(json|jinja|txt)|tokenizer\.model|chat_templates?/[^/]+\.jinja")
WHOLE_WEIGHTS = "model.safetensors"
SPLIT_WEIGHTS = re.compile(r"model-\d+-of-\d+\.safetensors")
CANNOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.ENOTDIR}
PAUSE = 0.2
"""Seconds between two words about a download."""

PATIENCE = 3.0
"""Seconds to wait for the hub's first answer, all in all."""


@dataclass(frozen=True)
class HubFiles:
    """The files of a hub model that are needed, with their bytes; `commit` is what the revision stands for."""

    commit: str | None
    sizes: tuple[tuple[str, int], ...]

    @property
    def weights(self) -> int:
        """Bytes of weights."""
        return sum(size for name, size in self.sizes if name.endswith(".safetensors"))

    @property
    def total(self) -> int:
        return sum(size for _, size in self.sizes)


def local_folder(spec: ModelSpec) -> Path | None:
    """The folder of a model that is already on this machine: a path, or a downloaded hub model; else None.

    Touches no network. Raises ModelUnavailable for a source that is neither a folder nor a hub id.
    """
    folder = _path(spec.source)
    if folder is not None:
        return folder
    try:
        # Whatever the cache has of it; whether that is all is looked at below.
        folder = Path(snapshot_download(spec.id, revision=spec.revision, local_files_only=True))
        check_folder(folder)
    except (LocalEntryNotFoundError, RevisionNotFoundError, ModelUnavailable, OSError, ValueError):
        return None
    return folder


def local_adapter(source: str) -> Path | None:
    """The same of an adapter."""
    folder = _path(source)
    if folder is not None:
        return folder
    spec = ModelSpec(source)
    try:
        folder = Path(snapshot_download(spec.id, revision=spec.revision, local_files_only=True))
    except (LocalEntryNotFoundError, RevisionNotFoundError, OSError, ValueError):
        return None
    return folder if all((folder / name).exists() for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)) else None


def _path(source: str) -> Path | None:
    """The folder that a source is; None for a hub id. Raises ModelUnavailable for what is neither."""
    path = typed_path(source)
    if is_folder(path):
        return path
    if is_file(path) and path.suffix == ".gguf":
        raise ModelUnavailable(trouble_with_files(path.name, {path.name}) or "")
    if is_file(path):
        raise ModelUnavailable(f"{path.name} is a file. Choose the folder of a model, with its config.json.")
    if not is_hub_id(source):
        raise ModelUnavailable(
            f"There is no model folder {source!r}. Choose a folder, or a hub id such as llava-hf/llava-1.5-7b-hf."
        )
    return None


def hub_files(spec: ModelSpec) -> HubFiles:
    """What has to be fetched of a hub model. Raises ModelUnavailable: unknown id or revision, gated, no network, no
    weights."""
    sizes, commit = _listed(spec)
    trouble = trouble_with_files(spec.id, sizes.keys())
    if trouble:
        raise ModelUnavailable(trouble)
    split = [name for name in sizes if SPLIT_WEIGHTS.fullmatch(name)]
    weights = [WHOLE_WEIGHTS] if WHOLE_WEIGHTS in sizes else sorted(split)
    if not weights:
        raise ModelUnavailable(
            f"{spec.id} has no weights in safetensors format, and pickled weights are never loaded here. "
            "Choose another model, often one whose name ends in -hf."
        )
    described = sorted(name for name in sizes if DESCRIPTIONS.fullmatch(name))
    return HubFiles(commit, tuple((name, sizes[name]) for name in (*described, *weights)))


def adapter_files(spec: ModelSpec) -> HubFiles:
    """The same of an adapter. Raises ModelUnavailable."""
    sizes, commit = _listed(spec)
    if ADAPTER_CONFIG not in sizes or ADAPTER_WEIGHTS not in sizes:
        raise ModelUnavailable(
            f"{spec.id} has no LoRA adapter in safetensors ({ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}). Choose another."
        )
    return HubFiles(commit, tuple((name, sizes[name]) for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)))


def _listed(spec: ModelSpec) -> tuple[dict[str, int], str | None]:
    """The bytes of every file of a repository, and the commit it stands at."""
    if constants.is_offline_mode():
        raise _unreachable(spec.id, "offline mode is on (HF_HUB_OFFLINE)")
    try:
        info = _answered(
            lambda: HfApi().model_info(spec.id, revision=spec.revision, files_metadata=True, timeout=PATIENCE)
        )
    except GatedRepoError as error:
        raise _gated(spec.id) from error
    except RevisionNotFoundError as error:
        raise ModelUnavailable(
            f"{spec.id} has no revision {spec.revision}. Choose a branch, a tag or a commit of it, or leave @ away."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(
            f"The hub has no public model {spec.id}. Check the spelling; for a private one run `hf auth login`."
        ) from error
    except TimeoutError as error:
        raise _unreachable(spec.id, f"no answer within {PATIENCE:.0f} seconds") from error
    except Exception as error:  # the hub's client changes its HTTP library, and each has its own errors
        raise _unreachable(spec.id, type(error).__name__) from error
    return {file.rfilename: file.size or 0 for file in info.siblings or []}, info.sha


def _answered(ask: Callable[[], T]) -> T:
    """What the hub answers to the first question, or TimeoutError. A thread of its own is waited for: finding the hub's
    address, and each of several addresses in turn, take the HTTP library as long again."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="asking the hub", daemon=True).start()
    return answer.result(PATIENCE)


def download(
    spec: ModelSpec, files: HubFiles, progress: Callable[[str], None], cancel: CancelToken | None = None
) -> Path:
    """Download the files of a hub model. Raises ModelUnavailable, and Cancelled where it is stopped."""
    meter = _Meter(files, progress, cancel or CancelToken())
    folder: Path | None = None
    try:
        with in_pieces():
            for name, size in files.sizes:
                meter.begin(name, size)
                if name.endswith(".safetensors"):
                    _fetch(spec, name, meter)
                # By the revision's own name, so that it is known in the cache by that.
                path = hf_hub_download(spec.id, name, revision=spec.revision, tqdm_class=meter.bar())
                folder = Path(path).parents[name.count("/")]
                meter.end(size)
    except Cancelled:
        raise
    except GatedRepoError as error:
        raise _gated(spec.id) from error
    except Exception as error:  # as above
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
            raise ModelUnavailable(
                f"{spec.id} ({readable_bytes(files.total)}) cannot be kept in {constants.HF_HUB_CACHE} "
                f"({error.strerror}). Make room there and see that it can be written to, or set HF_HOME to another "
                "folder and start again."
            ) from error
        if meter.done:
            raise ModelUnavailable(
                f"The download of {spec.id} broke off after {readable_bytes(meter.done)} of "
                f"{readable_bytes(files.total)} ({type(error).__name__}). What is here is kept: load it again to go on."
            ) from error
        raise _unreachable(spec.id, type(error).__name__) from error
    assert folder is not None
    return folder


def _fetch(spec: ModelSpec, name: str, meter: _Meter) -> None:
    """Put a file into the cache, going on from what a download that was stopped has left of it there. (The hub's client
    begins each file anew; it finds this one, and gives it its name.)"""
    url, headers = hf_hub_url(spec.id, name, revision=spec.revision), build_hf_headers()
    file = get_hf_file_metadata(url)
    if file.etag is None or Path(file.etag).name != file.etag:
        return
    blob = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=spec.id, repo_type="model") / "blobs" / file.etag
    if urlsplit(file.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}.part")
    with WeakFileLock(f"{part}.lock"):
        if blob.exists():
            return
        with part.open("ab") as left:
            if file.size is not None and left.tell() > file.size:
                left.truncate(0)
            http_get(
                file.location,
                left,
                resume_size=left.tell(),
                headers=headers,
                expected_size=file.size,
                tqdm_class=meter.bar(),
            )
        part.replace(blob)


class _Meter:
    """How far a download is, in words."""

    def __init__(self, files: HubFiles, progress: Callable[[str], None], cancel: CancelToken) -> None:
        self.done = 0
        self._files = files
        self._progress = progress
        self._cancel = cancel
        self._number = 0
        self._name = ""
        self._before = 0
        self._fetched = 0
        self._began = time.monotonic()
        self._told = 0.0

    def begin(self, name: str, size: int) -> None:
        self._cancel.check()
        self._number += 1
        self._name, self._before = name, self.done
        self.tell(always=name.endswith(".safetensors"))

    def end(self, size: int) -> None:
        # Of a file that was here already nothing is heard.
        self.done = self._before + size

    def bar(self) -> type[tqdm]:
        """What the hub's client reports to in the place of a bar on the terminal."""
        meter = self

        class Heard(tqdm):
            def __init__(self, *args: Any, initial: int = 0, **kwargs: Any) -> None:
                super().__init__(disable=True)
                meter.done = meter._before + initial

            def update(self, n: float | None = 1) -> None:
                meter.add(int(n or 0))

        return Heard

    def add(self, count: int) -> None:
        self._cancel.check()
        self.done += count
        self._fetched += max(0, count)
        self.tell()

    def tell(self, always: bool = False) -> None:
        now = time.monotonic()
        if not always and now - self._told < PAUSE:
            return
        self._told = now
        whole, count = self._files.total, len(self._files.sizes)
        size = f"{readable_bytes(self.done)} of {readable_bytes(whole)}"
        left = ""
        if self._fetched and now - self._began > 1:
            left = f", {_duration((whole - self.done) * (now - self._began) / self._fetched)} left"
        self._progress(f"Downloading {self._name} (file {self._number} of {count}): {size}{left}")


def _duration(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, seconds):.0f} s"


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
