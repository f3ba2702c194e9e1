"""By which names and from which pages the server may be asked."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from functools import cache
from urllib.parse import urlsplit


def is_local(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_in(host: str | None) -> str | None:
    """The name in a request's Host, without its port, in small letters; None where there is none to be made out."""
    try:
        parts = urlsplit(f"//{host or ''}")
        _ = parts.port
    except ValueError:
        return None
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.hostname.rstrip(".") if plain and parts.hostname else None


def is_known(host: str | None, names: Collection[str], opened: bool) -> bool:
    """Whether a server answers to this Host: to loopback names and the `names` given at its start. One that is opened
    to others answers to any number, which no foreign name can be, and to what this machine calls itself, too."""
    name = name_in(host)
    if name is None:
        return False
    if is_local(name) or name in names:
        return True
    return opened and (_is_number(name) or name in _own_names())


def is_own(origin: str, host: str | None) -> bool:
    """Whether a page of this origin is one of the server's own. Its port counts: other programs of a machine have
    others."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == (host or "").lower()


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@cache
def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower().rstrip(".")
    return frozenset({name, name.partition(".")[0], f"{name.partition('.')[0]}.local"})
