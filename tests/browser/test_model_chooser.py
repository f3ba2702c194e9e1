"""A model is chosen by its hub id: its size is told, its download watched, stopped and gone on with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hub import Hub, serving
from tests.zoo import save_llava

NAME = "somebody/tiny-llava"
Settle = Callable[[Page], None]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving(NAME, save_llava(tmp_path_factory.mktemp("hub") / "tiny")) as hub:
        yield hub


@pytest.fixture(scope="module")
def app_url(serve: Callable[..., str], hub: Hub) -> str:
    """The address of the app with that hub."""
    return serve("tests/browser/hub_app.py", hub.address)


def test_a_download_is_watched_stopped_and_gone_on_with(
    open_page: Callable[..., Page], settle: Settle, hub: Hub
) -> None:
    hub.pause = 3.0
    page = open_page("Chat")
    bar = page.get_by_test_id("stSidebar")
    bar.get_by_text("Choose another model").click()
    menu = bar.get_by_role("combobox").first
    menu.fill(NAME)
    menu.press("Enter")
    # The hub is asked only where a button says so.
    bar.get_by_role("button", name="Look it up", exact=True).click()
    expect(bar.get_by_text(re.compile(rf"{NAME} needs about .* are free"))).to_be_visible()
    bar.get_by_role("button", name="Load it", exact=True).click()
    expect(
        bar.get_by_text(re.compile(r"Downloading model\.safetensors \(file \d+ of \d+\): .* of \d+ kB"))
    ).to_be_visible()
    page.wait_for_timeout(1200)
    bar.get_by_role("button", name="Stop", exact=True).click()
    expect(bar.get_by_text(re.compile("Downloading"))).to_have_count(0)
    expect(bar.get_by_text("street-llava")).to_be_visible()
    hub.pause = 0.0
    settle(page)
    bar.get_by_role("button", name="Load it", exact=True).click()
    expect(bar.get_by_text(NAME).first).to_be_visible()
    expect(bar.get_by_text("4 × 4")).to_be_visible()
    settle(page)
    first, second = hub.fetched("model.safetensors")
    assert first == 0 and second > 0
