"""Downloads from a hub on this machine: which files, what is told, stopping, and going on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from core.errors import ModelUnavailable
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.loading import ModelSpec, estimate_memory, load_model, on_this_machine
from tests.adapters import trained
from tests.hub import COMMIT, Hub, serving

NAME = "somebody/tiny-llava"
SPEC = ModelSpec(NAME, device="cpu")


@pytest.fixture
def hub(llava_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with a LLaVA, and other things in its repository that nobody needs."""
    folder = shutil.copytree(llava_folder, tmp_path / "repository")
    (folder / "consolidated.safetensors").write_bytes(b"0" * 5_000_000)
    (folder / "original").mkdir()
    (folder / "original" / "params.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"0" * 1000)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    with serving(NAME, folder, ("main", "v1.5")) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub


def test_a_hub_model_is_told_its_size_fetched_and_loaded(hub: Hub) -> None:
    estimate = estimate_memory(SPEC)
    assert estimate.fits and not on_this_machine(NAME) and hub.requests == []
    told: list[str] = []
    model = load_model(SPEC, told.append)
    assert model.card.name == NAME and on_this_machine(NAME)
    fetched = {name for method, name, _ in hub.requests if method == "GET"}
    assert "model.safetensors" in fetched and "config.json" in fetched
    assert not fetched & {"consolidated.safetensors", "original/params.json", "pytorch_model.bin"}
    size = (hub.folder / "model.safetensors").stat().st_size
    steps = [step for step in told if "model.safetensors" in step]
    assert steps and all(re.search(r"\(file \d+ of \d+\): .+ of \d+ [kMG]B", step) for step in steps), steps
    (whole,) = re.findall(r"of (\d+) kB", steps[-1])
    assert size < 1000 * int(whole) < size + 500_000, "what nobody needs is not counted"
    requests = len(hub.requests)
    load_model(SPEC, told.append)
    assert len(hub.requests) == requests, "what is here is not asked for again"


def test_a_download_is_stopped_and_goes_on_where_it_was(hub: Hub) -> None:
    cancel, told = CancelToken(), []

    def stop_at_weights(step: str) -> None:
        told.append(step)
        if "model.safetensors" in step:
            cancel.cancel()

    with pytest.raises(Cancelled):
        load_model(SPEC, stop_at_weights, cancel=cancel)
    assert not on_this_machine(NAME)
    assert load_model(SPEC).card.layers == 3
    assert len(hub.fetched("config.json")) == 1, "files that were whole are not fetched again"


def test_a_download_that_breaks_off_in_a_file_goes_on_in_it(hub: Hub) -> None:
    cancel = CancelToken()
    heard = 0

    def stop_inside(step: str) -> None:
        nonlocal heard
        if "model.safetensors" in step:
            heard += 1
            if heard > 4:
                cancel.cancel()

    # Progress is told some times a second: here at every piece.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.vlm.hf.hub.PAUSE", 0.0)
        with pytest.raises(Cancelled):
            load_model(SPEC, stop_inside, cancel=cancel)
    assert load_model(SPEC).card.layers == 3
    first, second = hub.fetched("model.safetensors")
    assert first == 0 and second > 0


def test_a_revision_is_fetched_by_its_name(hub: Hub) -> None:
    assert load_model(ModelSpec(f"{NAME}@v1.5", device="cpu")).card.name == f"{NAME}@v1.5"
    assert on_this_machine(f"{NAME}@v1.5") and not on_this_machine(NAME)
    cache = Path(constants.HF_HUB_CACHE) / f"models--{NAME.replace('/', '--')}"
    assert (cache / "refs" / "v1.5").read_text() == COMMIT
    with pytest.raises(ModelUnavailable, match="no revision v9"):
        load_model(ModelSpec(f"{NAME}@v9", device="cpu"))


def test_an_adapter_is_fetched_by_its_id(
    llava_folder: Path, tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = trained(llava_folder, tmp_path / "tuned")
    for file in adapter.glob("adapter_*"):
        shutil.copy(file, hub.folder)
    spec = ModelSpec(str(llava_folder), device="cpu", adapter=NAME)
    assert load_model(spec).card.adapter == NAME
    assert {name for method, name, _ in hub.requests if method == "GET"} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_an_id_that_the_hub_does_not_know_is_told(hub: Hub) -> None:
    with pytest.raises(ModelUnavailable, match="no public model nobody/nothing"):
        load_model(ModelSpec("nobody/nothing", device="cpu"))
