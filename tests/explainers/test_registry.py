"""Every method is found and describes itself; a new file is all that a new one takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import core.explainers
from core.explainers.base import Explainer
from core.explainers.registry import explainers
from core.plugins import description
from core.settings import checked, controls

EXPECTED = {
    "attention_times_tower",
    "centre_bias",
    "dex_ar",
    "grounding_heads",
    "grad_cam",
    "greedy_regions",
    "input_gradient",
    "integrated_gradients",
    "logprob_increase",
    "occlusion_pixels",
    "occlusion_superpixels",
    "occlusion_tokens",
    "one_step_gradient",
    "random",
    "raw_attention",
    "relative_attention",
    "relevancy",
    "rollout",
    "shapley",
    "suffix_relevancy",
    "token_activation_map",
}

A_METHOD = '''
"""A method of a test."""

from core.explainers.base import Explainer, Step


class Dull(Explainer):
    """It finds nothing anywhere."""

    key = "{key}"
    name = "Dull"
    {caveat}

    def scores(self, model, answer, token_targets, settings):
        yield Step(1.0)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder that counts as the package's."""
    monkeypatch.setattr(core.explainers, "__path__", [*core.explainers.__path__, str(tmp_path)])
    explainers.cache_clear()
    yield tmp_path
    explainers.cache_clear()
    sys.modules.pop("core.explainers.dull", None)


def test_all_methods_are_found_in_the_order_of_their_names() -> None:
    known = explainers()
    assert set(known) >= EXPECTED
    names = [method.name for method in known.values()]
    assert names == sorted(names) and len(set(names)) == len(names)
    assert all(key == method.key for key, method in known.items())


@pytest.mark.parametrize("key", sorted(explainers()))
def test_a_method_describes_itself(key: str) -> None:
    method = explainers()[key]
    assert len(description(method)) > 60 and "\n" not in method.caveat and len(method.caveat) < 180
    assert description(method) != description(Explainer)
    settings = method.Settings()
    assert checked(settings, 3, 4) is settings
    for control in controls(method.Settings):
        assert control.label
        if control.kind == "number":
            assert control.minimum is not None and control.maximum is not None
            assert control.minimum <= control.default <= control.maximum
        if control.kind == "choice":
            assert control.default in control.options


def test_a_new_file_shows_up(folder: Path) -> None:
    (folder / "dull.py").write_text(A_METHOD.format(key="dull", caveat='caveat = "None."'))
    assert description(explainers()["dull"]) == "It finds nothing anywhere."


def test_two_methods_of_one_key_are_refused(folder: Path) -> None:
    (folder / "dull.py").write_text(A_METHOD.format(key="rollout", caveat='caveat = "None."'))
    with pytest.raises(ValueError, match="two plugins are called 'rollout'"):
        explainers()


def test_a_method_without_a_caveat_is_refused(folder: Path) -> None:
    (folder / "dull.py").write_text(A_METHOD.format(key="dull", caveat=""))
    with pytest.raises(ValueError, match="has no caveat"):
        explainers()
