"""Whom a page is drawn for, where several persons use one server, and where what is theirs is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

from ...errors import RunError
from ...gate.gate import PERSON
from ...gate.opening import the_opening
from ...runs.place import data_folder

PERSONS = "persons"
"""The folder of persons' folders, beside the runs of a server for one."""


def must_log_in() -> bool:
    """Whether the server's secrets name who identifies people (OIDC), and nobody has been identified in this tab."""
    return st.user.to_dict().get("is_logged_in") is False


def person() -> str | None:
    """The person: who logged in, else whose token it is; None on a server for one. Raises RunError where it should be
    known and is not, as no one is to see what is another's."""
    who = st.user.to_dict()
    if who.get("is_logged_in"):
        known = "\n".join(str(who.get(claim) or "") for claim in ("iss", "sub"))
        if not known.strip():
            raise RunError("Who identified you gave no account (sub). Nothing is kept; ask whoever runs this server.")
        return "login-" + hashlib.sha256(known.encode()).hexdigest()[:24]
    opening = the_opening()
    if not opening.to_others:
        return None
    name = st.context.headers.get(PERSON)
    if name is None or name not in opening.persons:
        raise RunError("It is not known for whom this is. Reload the page with the address that you were given.")
    return name


def home() -> Path:
    """The folder of what this person keeps. Raises RunError."""
    name = person()
    return data_folder() if name is None else data_folder() / PERSONS / name
