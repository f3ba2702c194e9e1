"""One run as one file, to hand to somebody else, and such a file taken in.

A bundle is a zip: `bundle.json` says what it is, `run/` holds the run as it lies in its folder. Whoever makes one may
put more beside it (figures, numbers); that is not taken in. Nothing in a bundle from elsewhere is believed, and what it
says of its sizes least of all: bytes are counted as they are unpacked.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import NotWritten, RunDamaged, RunError, SightlineError
from ..images import MAX_BYTES, display_name
from ..writing import written_whole
from .budget import size_of
from .files import as_json, check_folder, parsed
from .handed import handed
from .identity import new_run_id
from .limits import MOST_JSON, MOST_TENSOR_BYTES
from .public import here_again
from .run import Run
from .store import RunStore

MARK = {"sightline": "bundle", "form": 1}
INSIDE = "run/"
MOST_MEMBERS = 50_000
MOST_BYTES = 8 * 2**30
"""Of a bundle, unpacked."""
BLOCK = 1 << 20
_ABOUT = "bundle.json"
_FILES: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"(run|draft)\.json"), MOST_JSON),
    (re.compile(r"draft\.[0-9a-f]{16}\.safetensors"), MOST_TENSOR_BYTES),
    (re.compile(r"(turns|results)/[a-z0-9][a-z0-9_-]{0,79}\.json"), MOST_JSON),
    (re.compile(r"(turns|results)/[a-z0-9][a-z0-9_-]{0,79}\.[0-9a-f]{16}\.safetensors"), MOST_TENSOR_BYTES),
    (re.compile(r"(pictures|thumbnails)/[0-9a-f]{64}\.png"), MAX_BYTES),
)
"""The names of a run's files, and how large each may be."""

Add = Callable[[str, bytes], None]
"""Puts a file of this name into a bundle, outside the run."""


def export_bundle(
    run: Run,
    file: Path,
    more: Callable[[Add], None] = lambda add: None,
    progress: Callable[[float], None] = lambda done: None,
) -> None:
    """Write a run, open or only looked at, as a bundle; `more` may add other files to it. What is no file of a run is
    left out, and what is nobody else's business (`handed`). `progress` is told the share of the run's bytes that is
    packed, and may raise to stop it. Raises NotWritten, and RunDamaged where a file cannot be read."""
    kept = sorted(_kept(run.folder))
    total, packed = size_of(run.folder), 0
    with written_whole(file) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(_ABOUT, as_json(MARK))
        for name, content in handed(run.folder, kept, run.manifest.models):
            archive.writestr(INSIDE + name, content)
            packed += len(content)
            progress(min(1.0, packed / total) if total else 1.0)
        progress(1.0)

        def add(name: str, content: bytes) -> None:
            if name == _ABOUT or name.startswith(INSIDE) or not _leads_inside(name):
                raise ValueError(f"{name!r} is no name for a file beside the run")
            archive.writestr(name, content)

        more(add)


def import_bundle(store: RunStore, file: Path) -> tuple[str, tuple[str, ...]]:
    """Take the run of a bundle into a store, under a new name; returns that, and a sentence for each thing that is
    broken in it. Raises RunError, and takes nothing in, where it is no bundle, is larger than bundles may be, holds
    what has no place in a run, or where nothing of the run can be read; NotWritten for a full disk."""
    shown, id_ = display_name(file.name), new_run_id()
    try:
        with store.making() as folder:
            folder.mkdir()
            _unpack(file, folder, shown)
            folder.replace(store.folder / "runs" / id_)
    except OSError as error:
        raise NotWritten(
            f"{shown} could not be taken in ({error.strerror or error}). Make room, and try again."
        ) from error
    try:
        with store.open(id_) as run:
            run.rename(run.manifest.shown_title)
            for model in run.manifest.models:
                if (here := here_again(model, store.model(model.card.fingerprint, but=id_))) != model:
                    run.keep_model(here.card, here.spec)
            return id_, run.check()
    except SightlineError as error:
        shutil.rmtree(store.folder / "runs" / id_, ignore_errors=True)
        raise RunError(f"{shown} holds no run that can be read, and nothing was taken in. {error}") from error


def _unpack(file: Path, folder: Path, shown: str) -> None:
    with _opened(file, shown) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise RunError(f"{shown} holds {len(members):,} files, and at most {MOST_MEMBERS:,} are taken in.")
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise RunError(f"{shown} holds two files of one name. {_KEPT_OUT}")
        about = next((member for member in members if member.filename == _ABOUT), None)
        if about is None or parsed(b"".join(_blocks(archive, about, MOST_JSON, shown)), _ABOUT) != MARK:
            raise RunError(f"{shown} is no bundle of a run, or one of a later version. Choose another file.")
        left = MOST_BYTES
        for member in members:
            if not _leads_inside(member.filename) or _is_special(member):
                raise RunError(f"{shown} holds a file that leads elsewhere. {_KEPT_OUT}")
            if not member.filename.startswith(INSIDE) or member.is_dir():
                continue
            name = member.filename.removeprefix(INSIDE)
            most = _most(name)
            if most is None:
                raise RunError(f"{shown} holds {display_name(name)}, which is no file of a run. {_KEPT_OUT}")
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            with target.open("xb") as out:
                for block in _blocks(archive, member, min(most, left), shown):
                    left -= len(block)
                    out.write(block)


_KEPT_OUT = "Nothing of it was taken in: ask for another one."


@contextlib.contextmanager
def _opened(file: Path, shown: str) -> Iterator[zipfile.ZipFile]:
    """The archive. Whatever is wrong with it is told as RunError."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise RunError(f"{shown} is not a regular file. Choose a bundle.")
        with file.open("rb") as opened, zipfile.ZipFile(opened) as archive:
            yield archive
    except FileNotFoundError as error:
        raise RunError(f"{shown} is not there. Choose a bundle.") from error
    except RunDamaged as error:
        raise RunError(f"{shown} is damaged. {error}") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{shown} is no bundle, or a damaged one. Choose another file, or have it sent again."
        ) from error


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int, shown: str) -> Iterator[bytes]:
    """What a member holds, piece by piece and no more than it may."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise RunError(f"{shown} is packed in a way that bundles are not. {_KEPT_OUT}")
    try:
        opening = archive.open(member)
    except OSError as error:  # what it says of its own places leads before its beginning
        raise zipfile.BadZipFile from error
    with opening as opened:
        while block := opened.read(BLOCK):
            most -= len(block)
            if most < 0:
                raise RunError(f"{shown} holds more than a run may, once it is unpacked. {_KEPT_OUT}")
            yield block


def _leads_inside(name: str) -> bool:
    """Whether a name means a place in a folder, on every system."""
    parts = name.removesuffix("/").split("/")
    return not any(part in ("", ".", "..") for part in parts) and not re.search(r"[\\:\x00-\x1f]", name)


def _is_special(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a link or a device, as far as its maker's system says."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)


def _most(name: str) -> int | None:
    """How large a file of a run may be; None for a name that none has."""
    return next((most for pattern, most in _FILES if pattern.fullmatch(name)), None)


def _kept(folder: Path) -> Iterator[tuple[str, int]]:
    """The names of a run's files, and how large each may be."""
    check_folder(folder)
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if (most := _most(name)) is not None:
            yield name, most
