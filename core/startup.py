"""Which model the dashboard starts with. Its environment says so: `sightline --model` writes it there, and so may
whoever starts `streamlit run Home.py`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import get_args

from .errors import ModelUnavailable
from .vlm.loading import EMBEDDED, DType, ModelSpec, Quantisation, on_this_machine, source_named

MODEL, PRECISION, DEVICE = "SIGHTLINE_MODEL", "SIGHTLINE_PRECISION", "SIGHTLINE_DEVICE"
QUANTISATION, ADAPTER = "SIGHTLINE_QUANTISATION", "SIGHTLINE_ADAPTER"


def to_environment(spec: ModelSpec) -> dict[str, str]:
    """The variables that name a model."""
    named = {MODEL: spec.source, PRECISION: spec.dtype, DEVICE: spec.device, QUANTISATION: spec.quantisation}
    return {**named, ADAPTER: spec.adapter or ""}


def first_model(environment: Mapping[str, str] = os.environ) -> ModelSpec:
    """The model that the variables name, by default the embedded one."""
    precision, quantisation = (environment.get(name, "").strip() for name in (PRECISION, QUANTISATION))
    return ModelSpec(
        source_named(environment.get(MODEL, "").strip()) or EMBEDDED.source,
        next((known for known in get_args(DType) if known == precision), "auto"),
        environment.get(DEVICE, "").strip() or "auto",
        next((known for known in get_args(Quantisation) if known == quantisation), "none"),
        environment.get(ADAPTER, "").strip() or None,
    )


def needs_no_fetching(spec: ModelSpec) -> bool:
    """Whether a model is on this machine, or nowhere: then loading it says why."""
    try:
        return on_this_machine(spec.source)
    except ModelUnavailable:
        return True
