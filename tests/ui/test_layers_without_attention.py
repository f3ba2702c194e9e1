"""Pages about a model of which some layers have no attention: each layer stands at its own number, and those without
heads are shown as what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Target
from core.ui.attention.view import AttentionView
from core.ui.causal.view import CausalView
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from tests.ui import mechanisms
from tests.ui.charts import rows
from tests.ui.test_answer_bar import exchange_of, opened, work_of
from tests.zoo import load
from tests.zoo_hybrid import WITH_ATTENTION, save_convolutional

App = Callable[..., AppTest]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_convolutional(tmp_path_factory.mktemp("convolutional"))


@pytest.fixture(scope="module")
def tiny(folder: Path) -> ModelSpec:
    """The model that the app opens with: attention in layers 1 and 4, convolutions in layers 0, 2 and 3."""
    return ModelSpec(str(folder), "float32", "cpu")


@pytest.fixture(scope="module")
def hybrid(folder: Path) -> TransformersModel:
    return load(folder)


def infos(at: AppTest) -> str:
    return " | ".join(info.value for info in at.info)


def layers_drawn(at: AppTest, key: str) -> tuple[set[int], set[int]]:
    """The layers whose heads a map draws, and those that it greys."""
    table = rows(at, key)
    drawn = {int(row["layer"]) for row in table if "value" in row}
    return drawn, {int(row["layer"]) for row in table if row.get("there") == "no attention"}


def test_the_attention_explorer_greys_layers_without_heads(app: App, hybrid: TransformersModel) -> None:
    at = opened(app, exchange_of(hybrid), target=Target((2,)))
    assert layers_drawn(at, "attention_heads") == ({1, 4}, {0, 2, 3})
    assert any("Grey: layers 0, 2, 3, without attention" in caption.value for caption in at.caption)
    assert work_of(at).view(AttentionView).layer == 4
    at.number_input(key="attention_layer").set_value(2).run()
    assert not at.exception and "Layer 2 has no attention" in infos(at) and "layers 1, 4" in infos(at)


def test_the_causal_graph_lists_layers_without_attention_as_such(app: App, hybrid: TransformersModel) -> None:
    at = opened(app, exchange_of(hybrid), target=Target((2,)), page="pages/4_Causal_Graph.py")
    box = at.selectbox(key="causal_layer")
    assert box.options == ["0: no attention", "1", "2: no attention", "3: no attention", "4"]
    assert work_of(at).view(CausalView).layer == WITH_ATTENTION[-1]
    box.set_value(3).run()
    assert not at.exception and "Layer 3 has no attention" in infos(at)


@pytest.mark.parametrize("lens", ["head_contributions", "head_ablation"])
def test_mechanisms_rank_the_heads_that_are_there(lens: str, app: App, hybrid: TransformersModel) -> None:
    at = mechanisms.opened(app, mechanisms.exchange_of(hybrid), lens)
    key = "mechanisms_heads" if lens == "head_contributions" else "mechanisms_ablate"
    assert layers_drawn(at, key) == ({1, 4}, {0, 2, 3})


def test_cuts_are_drawn_where_there_is_attention(app: App, hybrid: TransformersModel) -> None:
    at = mechanisms.opened(app, mechanisms.exchange_of(hybrid), "attention_knockout")
    at.number_input(key="mechanisms_window_5").set_value(1).run()
    assert not at.exception
    points = [row for row in rows(at, "mechanisms_curves") if row.get("cut") == "image → last" and "change" in row]
    assert sorted(int(row["first"]) for row in points) == list(WITH_ATTENTION)
