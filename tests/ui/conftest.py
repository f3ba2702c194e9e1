"""The app without a browser, with a tiny random model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.answer import Decoding
from core.street.recipe import SceneRecipe
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Workspace
from core.vlm.loading import ModelSpec

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """Every AppTest looks through all installed packages for components: half of a short test. Once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def tiny(llava_folder: Path) -> ModelSpec:
    """A tiny random LLaVA in a folder."""
    return ModelSpec(str(llava_folder), "float32", "cpu")


@pytest.fixture
def app(tiny: ModelSpec) -> Iterator[Callable[..., AppTest]]:
    """`app(page, params)` opens a page in a tab of its own, about scene 27 unless the parameters say otherwise; with
    None for a page, the tab is there and nothing drawn yet. Whatever was found out in it can be kept."""
    opened: list[AppTest] = []

    def open_(page: str | None = "pages/1_Chat.py", params: dict[str, str] | None = None) -> AppTest:
        work = Workspace(spec=tiny, decoding=Decoding(max_new_tokens=6))
        if params is None:
            work.choose_image(image_of(SceneRecipe(27)))
        at = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=60)
        opened.append(at)
        at.session_state["workspace"] = work
        for name, value in (params or {}).items():
            at.query_params[name] = value
        if page is None:
            return at
        if page != "Home.py":
            at.switch_page(page)
        return at.run()

    yield open_
    for at in opened:
        keeper = at.session_state["workspace"].run
        if keeper is not None and not keeper.looking:
            assert keeper.flush(30) and keeper.lost() is None
