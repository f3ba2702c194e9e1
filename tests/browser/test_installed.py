"""The dashboard of the installed package, started as anybody starts it, in a folder that has settings of its own."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import START_SECONDS, free_port, server, settle
from tests.installed import ROOT, Installed

Open = Callable[..., Page]
OTHER_SETTINGS = """
[server]
address = "0.0.0.0"
maxUploadSize = 1

[client]
toolbarMode = "developer"

[theme.light]
primaryColor = "#ff0000"
backgroundColor = "#ffee00"

[theme.dark]
backgroundColor = "#00ee00"
"""
BACKGROUND = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"


@pytest.fixture(scope="module")
def app_url(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    elsewhere, port = tmp_path_factory.mktemp("elsewhere"), free_port()
    (elsewhere / ".streamlit").mkdir()
    (elsewhere / ".streamlit" / "config.toml").write_text(OTHER_SETTINGS, encoding="utf-8")
    command = [str(installed.program), "--port", str(port)]
    with server(command, port, tmp_path_factory.mktemp("home"), elsewhere) as url:
        yield url


def test_every_page_opens_all_at_once_on_a_fresh_server(app_url: str, context: BrowserContext) -> None:
    titles = [re.sub(r"^\d+_", "", file.stem) for file in sorted((ROOT / "pages").glob("*.py"))]
    assert len(titles) == 8
    # The tabs' threads meet in the first imports and the first load of the model.
    tabs = {title: context.new_page() for title in titles}
    for title, page in tabs.items():
        page.goto(f"{app_url}/{title}", wait_until="commit")
    for title, page in tabs.items():
        settle(page, START_SECONDS)
        expect(page.get_by_role("heading", name=title.replace("_", " "), level=1)).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlert").filter(has_text="Something went wrong")).to_have_count(0)
        page.close()


def test_a_foreign_name_and_a_foreign_page_are_turned_away(app_url: str) -> None:
    for header in ({"Host": "evil.test"}, {"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(f"{app_url}/_stcore/health", headers=header))


def test_a_question_is_answered(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Is the truck's door open?").click()
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text(re.compile(r"\d+ tokens"))


@pytest.mark.parametrize(("dark", "background"), [(False, "rgb(255, 255, 255)"), (True, "rgb(17, 23, 29)")])
def test_the_theme_is_the_dashboards_own(open_page: Open, dark: bool, background: str) -> None:
    page = open_page(dark=dark)
    assert page.evaluate(BACKGROUND) == background


def test_the_settings_are_the_dashboards_own(open_page: Open) -> None:
    page = open_page("Chat")
    expect(page.get_by_text("20MB per file")).to_have_count(1)
