"""Opening the dashboard to others: who gets a token, which folders they may read, and what is told of it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import WrongOption
from ..gate.hosts import is_local, name_in
from ..gate.opening import Opening
from ..gate.token_file import tokens_of
from ..gate.tokens import SOMEBODY, check_names, digest

LIMITS = (
    "Whoever has one of these addresses is let in, as the person it is for. They can use this machine's processors and "
    "memory, have models fetched from the hub with this account's rights there, and load and read what lies below "
    "{roots}. Runs and results are kept apart by person. Not kept apart are the loaded models, which all share and of "
    "which two stay loaded, the disk and the processors. Nothing is encrypted: outside a network whose people you "
    "trust, put a proxy with TLS before it (docs/opening.md), or leave --host out and come through "
    "`ssh -L {port}:127.0.0.1:{port}`."
)


@dataclass(frozen=True)
class Asked:
    """What the options say."""

    names: Sequence[str] = ()
    persons: Sequence[str] = ()
    tokens: Path | None = None
    roots: Sequence[Path] = ()


@dataclass(frozen=True)
class Opened:
    """What the server is started with, and what each person's token is."""

    opening: Opening
    tokens: dict[str, str]


def opened(host: str, asked: Asked, data: Path) -> Opened:
    """Who is let in where the dashboard listens at `host` and keeps its runs in `data`: for a loopback address alone
    and no names nor persons, whoever sits at this machine, without a token. Raises WrongOption."""
    names = tuple(name.lower().rstrip(".") for name in asked.names)
    for name in names:
        if name_in(name) != name or ":" in name:
            raise WrongOption(f"{name!r} is no name of a machine. Write one as in sightline.example.org.")
    roots = tuple(_root(root, data) for root in asked.roots)
    if is_local(host) and not (names or asked.persons or asked.tokens):
        return Opened(Opening(roots=roots or None), {})
    check_names(asked.persons)
    tokens = tokens_of(asked.tokens, asked.persons)
    if not tokens:
        tokens = tokens_of(asked.tokens, [SOMEBODY])
    return Opened(Opening({name: digest(token) for name, token in tokens.items()}, names, roots), tokens)


def told(opened: Opened, host: str, port: int, at: str = "") -> Iterable[str]:
    """What is said at the start: an address for each person, and the limits."""
    names = opened.opening.names
    base = f"http://{names[0]}" if names else f"http://{_reached(host)}:{port}"
    for name, token in opened.tokens.items():
        whose = "" if list(opened.tokens) == [SOMEBODY] else f"For {name}: "
        mark = "&" if "?" in at else "?"
        yield f"{whose}{base}/{at}{mark}token={token}"
    if names:
        yield f"(These are for the proxy that is known as {names[0]}; with TLS they begin with https.)"
    roots = ", ".join(map(str, opened.opening.roots or ())) or "no folder (name some with --root)"
    yield LIMITS.format(roots=roots, port=port)


def _reached(host: str) -> str:
    """What to type into a browser of another machine."""
    if is_local(host):
        return "[::1]" if ":" in host else host
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _root(root: Path, data: Path) -> Path:
    """A folder that is opened. Raises WrongOption."""
    try:
        folder = root.expanduser().resolve()
        there = folder.is_dir()
    except (OSError, RuntimeError):
        there = False
    if not there:
        raise WrongOption(f"{root} is no folder. Name folders with --root.")
    kept = data.expanduser().resolve()
    if kept.is_relative_to(folder) or folder.is_relative_to(kept):
        raise WrongOption(
            f"Everybody's runs are kept in {kept}, and {root} would open that. Name a folder beside it with --root, or "
            "another for the runs with --data."
        )
    return folder
