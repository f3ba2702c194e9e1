"""The same question in other words, as a tab keeps what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from ...answer import Question
from ...cases.audit import Audit
from ...runs.kinds import AUDIT
from .results import AnswerKey, Kept, Kind
from .workspace import NamedImage, Workspace

PHRASINGS = Kind[Audit](8, run=Kept(AUDIT))
"""By what was asked, as if no model had answered it: whose answers they are, they say themselves."""
_seen: WeakKeyDictionary[NamedImage, str] = WeakKeyDictionary()


def phrasings_key(workspace: Workspace, texts: Sequence[str]) -> AnswerKey:
    """Under what answers to these wordings about the present pictures are kept."""
    asked = (tuple(texts), tuple(map(_content, workspace.images)), workspace.decoding)
    return AnswerKey("", hashlib.sha256(repr(asked).encode()).hexdigest(), ())


def _content(image: NamedImage) -> str:
    """What a picture is. Hashing it takes a while, so it is done once."""
    if image not in _seen:
        _seen[image] = Question("", (image.visual,)).visual_fingerprint()
    return _seen[image]
