"""A file with a line for each person, `NAME TOKEN`, so that addresses stay the same when the server is started anew."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import WrongOption
from .tokens import check_names, check_token, new_token


def tokens_of(file: Path | None, names: Iterable[str]) -> dict[str, str]:
    """The token of each person: those in the file, and new ones for whom it does not have, who are added to it. Raises
    WrongOption for a file that cannot be used, or that other accounts may read."""
    kept = {} if file is None else _read(file)
    new = {name: new_token() for name in dict.fromkeys(names) if name not in kept}
    check_names([*kept, *new])
    if file is not None and new:
        _add(file, new)
    return {**kept, **new}


def _read(file: Path) -> dict[str, str]:
    try:
        if not file.exists():
            return {}
        if not file.is_file():
            raise WrongOption(f"{file} is no file. Name a file for the tokens.")
        if os.name == "posix" and file.stat().st_mode & 0o077:
            raise WrongOption(f"Other accounts may read {file}. Run `chmod 600` on it, and start again.")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongOption(f"{file} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'}).") from error
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise WrongOption(f"Line {number} of {file} is no name with a token. Write NAME TOKEN.")
        name, token = words
        if name in tokens:
            raise WrongOption(f"{file} has two lines for {name}. Keep one of them.")
        check_token(name, token)
        tokens[name] = token
    return tokens


def _add(file: Path, new: dict[str, str]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(opened, "a", encoding="utf-8") as lines:
            if lines.tell() and not file.read_bytes().endswith(b"\n"):
                lines.write("\n")
            lines.writelines(f"{name} {token}\n" for name, token in new.items())
    except OSError as error:
        raise WrongOption(f"{file} cannot be written ({error.strerror}). Name another file for the tokens.") from error
