"""What a person does on the Causal Graph page, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect

from tests.browser.deferred import STOP_MILLISECONDS, stop_at

Settle = Callable[[Page], None]
Open = Callable[..., Page]
FRAME = 'iframe[title="the causal graph"]'


def where(page: Page, number: int) -> dict[str, float]:
    """Where a node stands in the graph's frame, in pixels."""
    frame = next(frame for frame in page.frames if frame.parent_frame is not None)
    evidence: list[float] = frame.evaluate(
        "n => { const p = network.canvasToDOM(network.getPosition(n)); return [p.x, p.y] }", number
    )
    return {"x": evidence[0], "y": evidence[1]}


def graph_state(page: Page, expression: str) -> object:
    frame = next(frame for frame in page.frames if frame.parent_frame is not None)
    return frame.evaluate(expression)


@pytest.fixture
def learned(open_page: Open, settle: Settle) -> Page:
    """The page about a question that was asked on it, its graph drawn."""
    page = open_page("Causal_Graph?scene=27")
    page.get_by_role("button", name="What color is the house?", exact=True).click()
    page.frame_locator(FRAME).locator("canvas").wait_for()
    settle(page)
    page.wait_for_timeout(300)
    settle(page)
    return page


def test_a_click_on_a_node_lists_its_tests_and_chooses_it_beside_the_graph(learned: Page, settle: Settle) -> None:
    page = learned
    page.frame_locator(FRAME).locator("canvas").click(position=where(page, 0))  # type: ignore[arg-type]
    expect(page.get_by_text("Correlation with the target")).to_be_visible()
    assert graph_state(page, "network.marked") == 0
    settle(page)
    chosen = page.locator(".st-key-causal_node input").input_value()
    page.frame_locator(FRAME).locator("canvas").click(position=where(page, 2))  # type: ignore[arg-type]
    expect(page.locator(".st-key-causal_node input")).not_to_have_value(chosen)
    assert graph_state(page, "network.marked") == 2, "the frame was not loaded anew"


def test_mask_and_re_ask_is_one_click_from_the_node(learned: Page, settle: Settle) -> None:
    page = learned
    page.frame_locator(FRAME).locator("canvas").click(position=where(page, 0))  # type: ignore[arg-type]
    page.get_by_role("button", name="Mask it and re-ask").click()
    expect(page.get_by_text("1 patch masked")).to_be_visible()
    expect(page.get_by_text("with attention to their image tokens blocked instead")).to_be_visible()


def test_heads_are_tested_and_one_is_chosen_from_the_ranking(learned: Page, settle: Settle) -> None:
    page = learned
    page.get_by_role("button", name="Test all 6 heads of layer 5").click()
    expect(page.get_by_text("Head, ranked by what masking did")).to_be_visible()
    expect(page.get_by_text("The token changes with the explanation masked for")).to_be_visible()


def test_the_graph_is_saved_with_its_settings(learned: Page, tmp_path: Path) -> None:
    page = learned

    def saved(name: str) -> Path:
        with page.expect_download() as wait:
            page.get_by_role("button", name=name).click()
        download: Download = wait.value
        path = tmp_path / download.suggested_filename
        download.save_as(path)
        return path

    page.get_by_role("button", name="Save").click()
    record = json.loads(saved("Everything with settings (JSON)").read_text())
    assert record["settings"]["sample_size"] == 128 and record["nodes"]
    assert saved("Picture (PNG)").read_bytes().startswith(b"\x89PNG")
    assert "<graphml" in saved("For other programs (GraphML)").read_text()[:400]


def test_a_stop_in_the_middle_of_testing_all_heads_keeps_the_layers_done(learned: Page, settle: Settle) -> None:
    page = learned
    # With pixels, so that there is time to stop: blocking attention to tokens is done in a second or two.
    way = page.get_by_test_id("stSelectbox").filter(has_text="Masking").locator("input")
    way.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # a list of choices closes when the page scrolls under it
    way.click()
    page.get_by_role("option", name="replace the pixels, encode again").click()
    expect(way).to_have_value("replace the pixels, encode again")
    settle(page)
    page.get_by_role("button", name="Test all heads of all 6 layers").click()
    # The layers that are done are kept one by one; two of them make a map.
    expect(page.locator(".st-key-deferred").get_by_role("progressbar")).to_be_visible()
    deferred_work = stop_at(page, 41)
    expect(page.get_by_text("You stopped this.")).to_be_visible(timeout=STOP_MILLISECONDS)
    settle(page)
    expect(deferred_work).to_have_count(0)
    expect(page.get_by_role("button", name="Test all heads of all 6 layers")).to_be_enabled()
    expect(page.get_by_text(re.compile("Each head's graph is learned and its explanation masked"))).to_have_count(0)
    expect(page.get_by_text(re.compile("How much further each head's explanation lowered"))).to_be_visible()
