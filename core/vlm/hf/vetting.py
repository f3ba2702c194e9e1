"""A model's tokenizer and chat template are tried in a process of their own before they are used here.

They are programs of a kind: a normaliser can make any number of letters of one, a template's constants can be any
power of any number, and a parser that runs out of memory ends its process and with it everybody's session. So both are
read once under limits of time and memory, and what came of it is kept by what they say. A template that computes, and
so may do for one conversation what it does not for another, is tried with each form of conversation as it comes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...assets import asset
from ...errors import ModelUnavailable, NotWritten, TemplateRefuses
from ...reading import read_bytes
from ...writing import write_whole
from ..bounded import BoundedCache
from ..grids.kept import cache_folder
from .files import LARGEST_DESCRIPTION, called, check_regular, read_json
from .template_work import computes
from .tokenizer_growth import MOST, growth

SECONDS = 20
"""Of a processor. The largest vocabularies of real models take two."""

PATIENCE = 120.0
"""Seconds of the clock, on a machine that has much else to do."""

MEMORY = 4 * 2**30
"""Bytes of addresses."""

_RULES = "2"
"""Changed whenever what is tried changes."""

_PARTS = ("tokenizer", "chat template")
_CHILD = Path(str(files(__package__).joinpath("vetted_child.py")))
_DESCRIPTIONS = ("tokenizer_config.json", "processor_config.json", "chat_template.json")
_TOKENIZER = "tokenizer.json"
_OTHER_TOKENIZERS = (
    *("*.model", "*.tiktoken", "vocab*.json", "vocab*.txt", "merges.txt", "tekken.json"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
)
"""What `transformers` makes a tokenizer of where there is no tokenizer.json."""

_GROWS = "grows "
"""How the child begins to say that a tokenizer makes very much of a short text."""


def check_descriptions(folder: Path) -> None:
    """Raises ModelUnavailable for a folder whose tokenizer or chat template takes more time or memory than any real one
    does."""
    if folder.is_relative_to(asset("")):
        return
    _check_lengths(folder)
    templates = list(_templates(folder))
    contents = [(file.name, read_bytes(file)) for file in _tokenizer_files(folder)]
    trouble = _trouble(folder, _digest(contents, templates), bool(contents), templates)
    if trouble.startswith(_GROWS):
        _refuse_growth(folder, "rules", float(trouble.removeprefix(_GROWS)))
    if trouble:
        raise ModelUnavailable(
            f"The {trouble} of {called(folder)} was tried in a process of its own and did not end within {SECONDS} s "
            f"and {MEMORY / 2**30:.0f} GB, so it is not used. Choose another model."
        )


def check_rendering(template: str, values: Mapping[str, Any], name: str) -> None:
    """Raises TemplateRefuses where a chat template that computes takes more time or memory than any real one does for
    `values`: a conversation's form, which holds nothing of what was typed. What it does is remembered."""
    if not computes(template):
        return
    asked = json.dumps(values, sort_keys=True)
    digest = _digest([("conversation", asked.encode())], [template])
    trouble = _known.get(digest)
    if trouble is None:
        trouble = _tried({"templates": [template], "values": values})
        _known.put(digest, trouble)
    if trouble:
        raise TemplateRefuses(
            f"The chat template of {name} was tried with this conversation in a process of its own, where it computed "
            f"without end or took {MEMORY / 2**30:.0f} GB. Choose another model, or a version of it with another "
            "template."
        )


def _check_lengths(folder: Path) -> None:
    """Raises ModelUnavailable for files that are read whole and are larger than any real ones."""
    for pattern in ("*.json", "*.txt", "*.jinja", "*.model", "*.tiktoken", "chat_templates/*"):
        for file in folder.glob(pattern):
            check_regular(file)
            with contextlib.suppress(OSError):  # whoever uses it says what is wrong
                if file.stat().st_size > LARGEST_DESCRIPTION:
                    raise ModelUnavailable(
                        f"{file.name} in {called(folder)} is larger than {LARGEST_DESCRIPTION / 1e6:.0f} MB, and no "
                        "model has such a one. Download the model again."
                    )


def _tokenizer_files(folder: Path) -> list[Path]:
    """What a folder's tokenizer is read from."""
    if (folder / _TOKENIZER).is_file():
        return [folder / _TOKENIZER]
    return sorted({file for pattern in _OTHER_TOKENIZERS for file in folder.glob(pattern) if file.is_file()})


def _refuse_growth(folder: Path, part: str, times: float) -> None:
    """Raises ModelUnavailable for a tokenizer that makes very much of a short text."""
    if times > MOST:
        raise ModelUnavailable(
            f"The tokenizer of {called(folder)} can make a text {_times(times)} times as long (its {part}), and would "
            "take all memory with a few words. Choose another model."
        )


def _times(times: float) -> str:
    return f"{times:,.0f}" if times < 1e9 else "a billion and more"


def _templates(folder: Path) -> Iterator[str]:
    """Every chat template of a folder."""
    for file in sorted({*folder.glob("*.jinja"), *folder.glob("chat_templates/*.jinja")}):
        with contextlib.suppress(OSError, ValueError):  # whoever uses it says what is wrong
            yield read_bytes(file).decode("utf-8")
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


def _digest(contents: Sequence[tuple[str, bytes]], templates: list[str]) -> str:
    digest = hashlib.sha256(f"{_RULES} {_readers()}".encode())
    named = ((name.encode("utf-8", "surrogateescape"), content) for name, content in contents)
    for name, content in (*named, *((b"", template.encode("utf-8", "surrogatepass")) for template in templates)):
        digest.update(hashlib.sha256(name).digest() + hashlib.sha256(content).digest())
    return digest.hexdigest()


@cache
def _readers() -> str:
    """What reads tokenizers here: another one, or one more, may make of a file what these do not."""
    found = []
    for name in ("transformers", "tokenizers", "sentencepiece", "tiktoken", "jinja2"):
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


MOST_KNOWN = 1024
"""Verdicts that are held in memory; those of folders are on disk, too."""
_known: BoundedCache[str, str] = BoundedCache(lambda used: MOST_KNOWN)


def _trouble(folder: Path, digest: str, tokenizer: bool, templates: list[str]) -> str:
    """Which of `_PARTS` did not end, or how much the tokenizer makes of a text; "" where all is well. Kept in memory
    and, as far as it can be written, on disk: what is known is not read again. Raises ModelUnavailable where the
    tokenizer's description says enough."""
    known = _known.get(digest)
    if known is not None:
        return known
    file = cache_folder() / "vetted" / digest[:32]
    trouble = _read(file)
    if trouble is None:
        described = folder / _TOKENIZER
        wanted: dict[str, Any] = {"templates": templates}
        if described.is_file():
            for part in ("normalizer", "decoder"):
                _refuse_growth(folder, part, growth(read_json(described).get(part)))
            wanted["tokenizer"] = str(described)
        elif tokenizer:
            wanted["folder"] = str(folder)
        trouble = _tried(wanted)
        with contextlib.suppress(NotWritten):
            write_whole(file, trouble.encode())
    _known.put(digest, trouble)
    return trouble


def _read(file: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        written = file.read_text(encoding="ascii")
        if written in ("", *_PARTS) or (written.startswith(_GROWS) and float(written.removeprefix(_GROWS)) > 0):
            return written
    return None


def _tried(wanted: Mapping[str, Any]) -> str:
    """During what the child ended, or how much it says the tokenizer makes of a text; "" where it was done."""
    environment = {
        **os.environ,
        "TOKENIZERS_PARALLELISM": "false",
        "RAYON_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    command = [sys.executable, "-I", str(_CHILD), str(SECONDS), str(MEMORY)]
    try:
        done = subprocess.run(
            command, input=json.dumps(wanted), capture_output=True, text=True, timeout=PATIENCE, env=environment
        )
        said = done.stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    lines = said.splitlines()
    if lines[-1:] == ["done"]:
        return next((line for line in lines if line.startswith(_GROWS)), "")
    # (a process that could not even begin says nothing of the model)
    return lines[-1] if lines and lines[-1] in _PARTS else ""
