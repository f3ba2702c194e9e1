"""What a run tells somebody else of this machine: which models answered and where on the hub these can be had, and no
folder, for the path of one names an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from ..typed_paths import is_folder, typed_path
from ..vlm.spec import EMBEDDED_FOLDER, EMBEDDED_MODELS, HUB_ID, NO_ADAPTER, ModelSpec, embedded_name, hub_place
from .manifest import KeptModel

SOMEWHERE = "a folder"
_SPEC = frozenset(field.name for field in fields(ModelSpec))


def public_source(source: str) -> str:
    """Where a model or an adapter can be had: a hub id as it is, a folder of the hub's cache as the hub id and commit
    that it holds, any other folder by its name alone."""
    if not source or source == NO_ADAPTER:
        return source
    if (embedded := embedded_name(source)) is not None:
        return f"{EMBEDDED_FOLDER}/{Path(EMBEDDED_MODELS[embedded].source).name}"
    folder = PureWindowsPath(source)  # which knows both kinds of slashes
    if (place := hub_place(folder)) is not None:
        return "@".join(place)
    return source if can_be_had(source) and not is_folder(typed_path(source)) else folder.name or SOMEWHERE


def can_be_had(source: str) -> bool:
    """Whether a model's source leads somewhere from here: to a folder, or to the hub."""
    return is_folder(typed_path(source)) or HUB_ID.fullmatch(source.partition("@")[0]) is not None


def public_model(kept: KeptModel) -> KeptModel:
    """A model by what others know it by. A hub model of no revision is that of the commit that answered."""
    card, spec = kept.card, kept.spec
    source = public_source(card.source)
    if card.commit and "@" not in source and HUB_ID.fullmatch(source):
        source = f"{source}@{card.commit}"
    name = public_source(card.name) if card.name == card.source else card.name
    return KeptModel(replace(card, name=name, source=source), None if spec is None else _public_spec(spec, source))


def _public_spec(spec: ModelSpec, source: str) -> ModelSpec:
    return replace(spec, source=source, adapter=None if spec.adapter is None else public_source(spec.adapter))


def public_about(about: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a result, in plain values: models in it by what others know them by."""
    return {name: _public_value(value) for name, value in about.items()}


def _public_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        inside = {name: _public_value(item) for name, item in value.items()}
        if inside.keys() >= _SPEC:
            inside |= {name: public_source(inside[name]) for name in ("source", "adapter") if inside[name]}
        return inside
    if isinstance(value, list | tuple):
        return type(value)(_public_value(item) for item in value)
    return value


def public_text(text: str, kept: KeptModel) -> str:
    """A sentence that may name the folders of a model, without these and without the folder of the account."""
    spec = () if kept.spec is None else (kept.spec.source, kept.spec.adapter or "")
    for source in sorted({kept.card.source, *spec}, key=len, reverse=True):
        if source and source != public_source(source):
            text = text.replace(source, public_source(source))
    return without_home(text)


def public_name(file: str) -> str:
    """The name of a picture's file, without its folder."""
    return PureWindowsPath(file).name or file


def without_home(text: str) -> str:
    """A text in which the folder of this account is called ~."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def here_again(kept: KeptModel, known: KeptModel | None) -> KeptModel:
    """A model of a bundle as it can be loaded on this machine: one that comes with Sightline, or one that a run of
    this machine knows (`known`) with the same fingerprint."""
    if kept.spec is None:
        return kept
    if (embedded := embedded_name(kept.spec.source)) is not None:
        return replace(kept, spec=replace(kept.spec, source=EMBEDDED_MODELS[embedded].source))
    known_spec = None if known is None else known.spec
    return (
        replace(kept, spec=known_spec) if known_spec is not None and is_folder(typed_path(known_spec.source)) else kept
    )
