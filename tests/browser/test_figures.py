"""Every figure is drawn by the Vega that Streamlit brings, in every state in which it can first be drawn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError

from tests.charts.examples import EXAMPLES

LEAST_PIXELS = 15
"""A figure of one bar without an axis is 19 pixels high."""
PATIENCE_MILLISECONDS = 20_000
SIZES = """() => Object.fromEntries([...document.querySelectorAll('[class*="st-key-figure-"]')].map(box => {
    const drawn = box.querySelector('.vega-embed :is(svg, canvas).marks')?.getBoundingClientRect();
    return [box.className.match(/st-key-figure-(\\S+)/)[1], drawn ? Math.min(drawn.width, drawn.height) : 0];
}))"""


@pytest.fixture(scope="module")
def app_url(serve: Callable[..., str]) -> str:
    """The address of the page that has every figure."""
    return serve("-m", "streamlit", "run", "tests/browser/figures_app.py")


def test_every_figure_is_drawn(open_page: Callable[..., Page]) -> None:
    page = open_page()
    with suppress(TimeoutError):  # what is still missing then is named below
        page.wait_for_function(
            f"least => Object.values(({SIZES})()).every(size => size >= least)",
            arg=LEAST_PIXELS,
            timeout=PATIENCE_MILLISECONDS,
        )
    sizes = page.evaluate(SIZES)
    assert set(sizes) == {f"{name}-{number}" for name, make in EXAMPLES.items() for number in range(len(make()))}
    assert {figure: size for figure, size in sizes.items() if size < LEAST_PIXELS} == {}
