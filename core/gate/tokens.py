"""Tokens, and the persons they stand for. What a server keeps of a token is its digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping

from ..errors import WrongOption

SHORTEST = 20
"""Characters of a token that somebody chose."""
SOMEBODY = "guest"
"""Whom the token stands for where no person was named."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_TOKEN = re.compile(r"[A-Za-z0-9_~.-]+")


def new_token() -> str:
    """192 bits that nobody can guess, in letters that an address may have."""
    return secrets.token_urlsafe(24)


def digest(token: str) -> str:
    """What is kept of a token. Of what is not text in UTF-8, that of other letters."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def person_of(token: str, persons: Mapping[str, str]) -> str | None:
    """Whose token it is, of persons with the digests of theirs; None where it is nobody's. Takes as long whosever it
    is, and however much of it is right."""
    given, found = digest(token), None
    for name, kept in persons.items():
        if hmac.compare_digest(given, kept):
            found = name
    return found


def check_names(names: Iterable[str]) -> None:
    """Raises WrongOption for names that could not be folders beside each other."""
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name) or name.lower().startswith("login-"):
            raise WrongOption(
                f"{name!r} cannot be a person's name here. Use up to 40 letters, digits, dots, - and _, and begin with "
                "a letter or digit (but not with login-)."
            )
        if name.lower() in seen:
            raise WrongOption(f"There are two persons called {name}. Give each a name of their own.")
        seen.add(name.lower())


def check_token(name: str, token: str) -> None:
    """Raises WrongOption for a token that could be guessed, or not be written in an address."""
    if len(token) < SHORTEST or not _TOKEN.fullmatch(token):
        raise WrongOption(
            f"The token of {name} needs {SHORTEST} or more letters, digits and - _ . ~. Leave it away to have one made."
        )
