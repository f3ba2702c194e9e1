"""A browser test fails where a script does, however it fails and wherever it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "fine": "<script>console.log('fine'); console.warn('nearly')</script>",
    "thrown": "<script>throw new Error('thrown')</script>",
    "thrown_later": "<script>setTimeout(() => undefined.forEach(), 1)</script>",
    "rejected": "<script>Promise.reject(new Error('rejected'))</script>",
    "caught_and_told": "<script>try { undefined.forEach() } catch (error) { console.error(error) }</script>",
    "thrown_in_a_frame": "<iframe srcdoc=\"<script>throw new Error('in a frame')</script>\"></iframe>",
    "refused_in_a_sandbox": '<iframe sandbox srcdoc="<script>1</script>"></iframe>',
    "not_loaded": "<script src='http://127.0.0.1:1/missing.js'></script>",
}
TESTS = """
import pytest

@pytest.mark.parametrize("name", {pages!r})
def test(context, name):
    page = context.new_page()
    page.set_content({pages!r}[name])
    page.wait_for_timeout(100)
    page.close()
"""


def test_every_script_error_fails_its_test_and_no_other(tmp_path: Path) -> None:
    """These tests fail on purpose, so they are run by a pytest of their own, with the fixtures of this folder."""
    (tmp_path / "test_pages.py").write_text(TESTS.format(pages=PAGES), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "tests.browser.conftest", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, f"--rootdir={tmp_path}", tmp_path], cwd=ROOT, capture_output=True, text=True)
    failed = re.findall(r"^ERROR .*\[(\w+)\]", run.stdout, re.MULTILINE)
    assert sorted(failed) == sorted(PAGES.keys() - {"fine"}), run.stdout
    assert len(re.findall(r"^PASSED ", run.stdout, re.MULTILINE)) == len(PAGES), run.stdout
