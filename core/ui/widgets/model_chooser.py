"""Choosing another model: a suggested one, a folder or a hub id; with an adapter, in which precision, where."""

from __future__ import annotations

import time
from typing import get_args

import streamlit as st

from ...errors import ModelUnavailable
from ...vlm.loading import (
    DType,
    ModelSpec,
    Quantisation,
    SuggestedModel,
    devices_here,
    estimate_suggested,
    suggested_models,
)
from ...vlm.memory import readable_bytes
from ..state import models
from ..state.results import Kind, ResultCache
from ..state.workspace import Workspace
from .model_bar import FEW_BITS

ESTIMATES = Kind[tuple[str, bool]](10)
HERE = Kind[bool](10)
KEPT_SECONDS = 60
NOT_HERE = "It is not on this machine. The hub is asked for it when you click, and not before."
WEIGHTS: dict[Quantisation, str] = {"none": "as they are", "8bit": "8 bit", "4bit": "4 bit"}


def chooser(current_workspace: Workspace, place: str) -> None:
    """The fields that say which model, and a button that loads it. `place` tells the widgets of one page apart."""
    suggested = {model.source: model for model in suggested_models()}
    current = current_workspace.spec
    # Once another model is in use, the fields begin anew from that one.
    place = f"{place}_{hash(current)}"
    sources = list(dict.fromkeys([*suggested, current.source]))
    source = st.selectbox(
        "Model",
        sources,
        index=sources.index(current.source),
        format_func=lambda item: _option(suggested[item]) if item in suggested else item,
        accept_new_options=True,
        key=f"{place}_source",
        help="Type the path of a model folder, or a Hugging Face hub id (with @revision for another than the newest). "
        "What is not on this machine is downloaded when you load it, not before.",
    )
    if source in suggested:
        _about(suggested[source])
    adapter = st.text_input(
        "Adapter",
        value=current.adapter or "",
        key=f"{place}_adapter",
        placeholder="none",
        help="The folder or hub id of a LoRA adapter to put onto the model; it can be switched off afterwards.",
    )
    with st.container(horizontal=True):
        quantisation = st.selectbox(
            "Weights",
            get_args(Quantisation),
            index=get_args(Quantisation).index(current.quantisation),
            format_func=lambda item: WEIGHTS[item],
            key=f"{place}_weights",
            help="8 and 4 bit take a half and a quarter of the memory; they need the package bitsandbytes.",
        )
        dtype = st.selectbox(
            "Precision", get_args(DType), index=get_args(DType).index(current.dtype), key=f"{place}_precision"
        )
        devices = tuple(dict.fromkeys([*devices_here(), current.device]))
        device = st.selectbox(
            "Device",
            devices,
            index=devices.index(current.device),
            key=f"{place}_device",
            help="auto is the first GPU, or several where one is too small, else the processor.",
        )
    spec = ModelSpec((source or "").strip(), dtype, device, quantisation, adapter.strip() or None)
    if not spec.source:
        st.caption("Choose a model, or type a folder or hub id.")
        return
    if spec == current:
        st.caption("This is the model in use.")
        return
    if quantisation != "none":
        st.caption(FEW_BITS)
    here = _here(current_workspace.results, spec)
    sentence, fits = _estimate(current_workspace.results, spec, here) or (NOT_HERE, True)
    st.text(sentence)
    label = "Load it" if fits else "Load it all the same"
    with st.container(horizontal=True):
        clicked = st.button(label, key=f"{place}_load", type="primary" if fits else "secondary")
        if not here and st.button("Look it up", key=f"{place}_look", help="Asks the hub how large it is."):
            with st.spinner("Asking the hub …"):
                _look_up(current_workspace.results, spec)
            st.rerun()
    if clicked:
        models.switch_model(current_workspace, spec, anyway=not fits)
        st.rerun()


def _option(model: SuggestedModel) -> str:
    """A suggested model in the menu: its name, how much there is to fetch, and whether it fits."""
    size = "" if model.download < 10**8 else f", {readable_bytes(model.download)}"
    return f"{model.label}{size}" + ("" if estimate_suggested(model).fits else ", too large")


def _about(model: SuggestedModel) -> None:
    estimate = estimate_suggested(model)
    needs = f"Needs about {readable_bytes(estimate.needed)} in use; {readable_bytes(estimate.available)} are free here"
    remedy = "it fits." if estimate.fits else "it does not fit as it is: 8 or 4 bit may."
    st.caption(f"{model.note} {needs}: {remedy}")


def _here(results: ResultCache, spec: ModelSpec) -> bool:
    """Whether a model can be judged without the hub: where it is here, and where it can be nowhere. Kept a minute."""
    key = (spec.source, time.monotonic() // KEPT_SECONDS)
    here = results.get(HERE, key)
    if here is None:
        try:
            here = models.store().is_here(spec)
        except ModelUnavailable:
            here = True
        results.keep(HERE, key, here)
    return here


def _estimate(results: ResultCache, spec: ModelSpec, here: bool) -> tuple[str, bool] | None:
    """What loading takes, in a sentence, and whether it fits; None for a hub model that was not looked up yet. Of one
    that is here it is kept a minute."""
    told = results.get(ESTIMATES, _key(spec, here))
    return told or (_look_up(results, spec, here) if here else None)


def _look_up(results: ResultCache, spec: ModelSpec, here: bool = False) -> tuple[str, bool]:
    """The same, found out: for a hub model it asks the network."""
    try:
        estimate = models.store().estimate(spec)
        told = estimate.sentence, estimate.fits
    except ModelUnavailable as error:
        told = str(error), True
    results.keep(ESTIMATES, _key(spec, here), told)
    return told


def _key(spec: ModelSpec, here: bool) -> tuple[ModelSpec, float]:
    return spec, time.monotonic() // KEPT_SECONDS if here else 0.0
