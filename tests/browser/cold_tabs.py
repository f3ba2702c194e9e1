"""Several tabs opened at once on a fresh server, over and over: each page is drawn, and none shows an error.

Run: `python -m tests.browser.cold_tabs --tabs 8 --trials 10`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from .conftest import CHROMIUM_ARGUMENTS, MESSAGES, START_SECONDS, WATCH, _chromium, free_port, server, settle
from .hostile_tour import COLD


def trial(tabs: int) -> list[str]:
    """What was wrong, in words."""
    wrong = []
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.port", str(port)]
    with TemporaryDirectory() as home, server(command, port, Path(home)) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=CHROMIUM_ARGUMENTS, headless=True)
        context = chromium.new_context(reduced_motion="reduce")
        context.add_init_script(f"({WATCH})({json.dumps(MESSAGES)})")
        opened = [(context.new_page(), path) for path in list(COLD)[:tabs]]
        for page, path in opened:
            page.goto(f"{url}/{path}", wait_until="commit")
        for page, path in opened:
            page.bring_to_front()
            settle(page, START_SECONDS)
            heading = page.get_by_role("heading", level=1).inner_text()
            if heading != COLD[path]:
                wrong.append(f"{path} is headed {heading!r}")
            errors = page.get_by_test_id("stException").or_(page.get_by_test_id("stAlertContentError"))
            wrong += [f"{path} shows {told!r}" for told in errors.all_inner_texts()]
        log = (Path(home) / "server.log").read_text(errors="replace")
        wrong += ["a traceback in the server's log"] * log.count("Traceback (most recent call last)")
        chromium.close()
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--tabs", type=int, default=len(COLD), choices=range(1, len(COLD) + 1))
    parser.add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    faults = 0
    for number in range(options.trials):
        began = time.monotonic()
        wrong = trial(options.tabs)
        faults += len(wrong)
        print(f"trial {number + 1}: {time.monotonic() - began:.0f} s; {'; '.join(wrong) or 'all drawn'}", flush=True)
    print(f"{options.trials} trials of {options.tabs} tabs: {faults} faults")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
