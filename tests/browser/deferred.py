"""Stopping long work as a person does."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

STOP_MILLISECONDS = 2000
"""From a click on Stop to a page that shows what was done."""


def stop_at(page: Page, percent: int) -> Locator:
    """Click Stop once so many percent of the work are done, and give the box that says how far it is."""
    deferred_work = page.locator(".st-key-deferred")
    page.wait_for_function(
        "percent => Number(document.querySelector('.st-key-deferred [role=progressbar]')"
        "?.getAttribute('aria-valuenow')) >= percent",
        arg=percent,
    )
    deferred_work.get_by_role("button", name="Stop", exact=True).click()
    return deferred_work
