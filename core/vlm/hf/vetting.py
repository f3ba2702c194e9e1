"""A model's tokenizer and chat template are tried in a process of their own before they are used here.

They are programs of a kind: a normaliser can make any number of letters of one, a template's constants can be any
power of any number, and a parser that runs out of memory ends its process and with it everybody's session. So both are
read once under limits of time and memory, and what came of it is kept by what they say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...assets import asset
from ...errors import ModelUnavailable, NotWritten
from ...writing import write_whole
from ..grids.kept import cache_folder
from .files import called, read_json
from .tokenizer_growth import MOST, growth

SECONDS = 20
"""Of a processor. The largest vocabularies of real models take two."""

PATIENCE = 120.0
"""Seconds of the clock, on a machine that has much else to do."""

MEMORY = 4 * 2**30
"""Bytes of addresses."""

_RULES = "1"
"""Changed whenever what is tried changes."""

_PARTS = ("tokenizer", "chat template")
_CHILD = Path(str(files(__package__).joinpath("vetted_child.py")))
_DESCRIPTIONS = ("tokenizer_config.json", "processor_config.json", "chat_template.json")


def check_descriptions(folder: Path) -> None:
    """Raises ModelUnavailable for a folder whose tokenizer or chat template takes more time or memory than any real one
    does."""
    if folder.is_relative_to(asset("")):
        return
    tokenizer, templates = folder / "tokenizer.json", list(_templates(folder))
    content = tokenizer.read_bytes() if tokenizer.is_file() else b""
    trouble = _trouble(folder, _digest(content, templates), tokenizer if content else None, templates)
    if trouble:
        raise ModelUnavailable(
            f"The {trouble} of {called(folder)} was tried in a process of its own and did not end within {SECONDS} s "
            f"and {MEMORY / 2**30:.0f} GB, so it is not used. Choose another model."
        )


def _refuse_growth(folder: Path, tokenizer: Path) -> None:
    """Raises ModelUnavailable for a tokenizer whose description says that it makes very much of a short text."""
    described = read_json(tokenizer)
    for part in ("normalizer", "decoder"):
        times = growth(described.get(part))
        if times > MOST:
            raise ModelUnavailable(
                f"The tokenizer of {called(folder)} can make a text {_times(times)} times as long (its {part}), and "
                "would take all memory with a few words. Choose another model."
            )


def _times(times: float) -> str:
    return f"{times:,.0f}" if times < 1e9 else "a billion and more"


def _templates(folder: Path) -> Iterator[str]:
    """Every chat template of a folder."""
    for file in sorted({*folder.glob("*.jinja"), *folder.glob("chat_templates/*.jinja")}):
        with contextlib.suppress(OSError, ValueError):  # whoever uses it says what is wrong
            yield file.read_text(encoding="utf-8")
    for name in _DESCRIPTIONS:
        if (folder / name).is_file():
            yield from _texts(read_json(folder / name).get("chat_template"))


def _texts(described: Any) -> Iterator[str]:
    """A template by itself, or several with names."""
    if isinstance(described, str):
        yield described
    elif isinstance(described, Mapping):
        yield from (text for text in described.values() if isinstance(text, str))
    elif isinstance(described, list):
        yield from (
            one["template"] for one in described if isinstance(one, dict) and isinstance(one.get("template"), str)
        )


def _digest(tokenizer: bytes, templates: list[str]) -> str:
    digest = hashlib.sha256(_RULES.encode())
    for content in (tokenizer, *(template.encode("utf-8", "surrogatepass") for template in templates)):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


_known: dict[str, str] = {}


def _trouble(folder: Path, digest: str, tokenizer: Path | None, templates: list[str]) -> str:
    """Which of `_PARTS` did not end; "" where all did. Kept in memory and, as far as it can be written, on disk: what
    is known is not read again. Raises ModelUnavailable where the tokenizer's description says enough."""
    if digest in _known:
        return _known[digest]
    file = cache_folder() / "vetted" / digest[:32]
    trouble = _read(file)
    if trouble is None:
        if tokenizer is not None:
            _refuse_growth(folder, tokenizer)
        trouble = _tried(tokenizer, templates)
        with contextlib.suppress(NotWritten):
            write_whole(file, trouble.encode())
    _known[digest] = trouble
    return trouble


def _read(file: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        written = file.read_text(encoding="ascii")
        if written in ("", *_PARTS):
            return written
    return None


def _tried(tokenizer: Path | None, templates: list[str]) -> str:
    """During what the child ended; "" where it was done."""
    wanted = {"tokenizer": None if tokenizer is None else str(tokenizer), "templates": templates}
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    command = [sys.executable, "-I", str(_CHILD), str(SECONDS), str(MEMORY)]
    try:
        done = subprocess.run(
            command, input=json.dumps(wanted), capture_output=True, text=True, timeout=PATIENCE, env=environment
        )
        said = done.stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    last = said.splitlines()[-1:]
    if last == ["done"]:
        return ""
    # (a process that could not even begin says nothing of the model)
    return last[0] if last and last[0] in _PARTS else ""
