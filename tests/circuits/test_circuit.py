"""Circuits: what is kept carries what is said, by a decoder written out; the figures of the curve; elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Target
from core.circuits.circuit import BY_ATTENTION, BY_INCREASE, Circuit, find_circuit
from core.circuits.faithfulness import SHARES, Curve
from core.circuits.graph import Graph
from core.circuits.interchange import Interchange
from core.circuits.picture import picture_share
from core.circuits.transfer import transferred
from core.errors import NotApplicable, NotEnoughMemory
from core.mechanisms.corruption import OtherPrompt
from core.mechanisms.groups import Group
from core.perturb.perturbation import OtherImages
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from tests.circuits.test_edges import asked, both
from tests.eager import sampled
from tests.hooks import hooks_of
from tests.zoo import load, save_llava

TARGET = Target((1,), (50,))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    model = load(save_llava(tmp_path_factory.mktemp("network"), model_type="qwen2", num_key_value_heads=2))
    model.network.double()
    return model


@pytest.fixture(scope="module")
def found(model: TransformersModel) -> Circuit:
    answer, corruption = asked(model, drawn())
    return find_circuit(model, answer, TARGET, corruption, 0.7, 3, draws=2)


def drawn() -> Image.Image:
    shades = np.indices((80, 120)).sum(0) * 3 % 256
    return Image.fromarray(np.stack([shades, shades[::-1], shades[:, ::-1]], -1).astype(np.uint8))


def test_the_kept_edges_carry_what_is_said(model: TransformersModel, found: Circuit) -> None:
    answer, corruption = asked(model, drawn())
    pair = both(model, answer, TARGET, corruption)
    left = pair.run(found.kept)
    recomputed = (left - found.corrupted_logprob) / (found.clean_logprob - found.corrupted_logprob)
    assert found.faithfulness == pytest.approx(recomputed, abs=1e-3)
    assert found.faithfulness >= 0.7 and found.kept.sum() < found.edges.sum()
    assert (found.graph.alive(found.kept) == found.kept).all()


def test_curves_are_of_the_first_edges(model: TransformersModel, found: Circuit) -> None:
    answer, corruption = asked(model, drawn())
    pair = both(model, answer, TARGET, corruption)
    numbers = np.flatnonzero(found.edges)
    order = sorted(numbers.tolist(), key=lambda edge: -abs(found.scores.ravel()[edge]))
    for place in (5, 7, 8):
        kept = np.zeros(found.edges.size, bool)
        kept[order[: round(SHARES[place] * len(order))]] = True
        left = pair.run(kept.reshape(found.edges.shape))
        assert found.curve.faithfulness[place] == pytest.approx(
            (left - found.corrupted_logprob) / found.effect, abs=1e-3
        )
    assert len(found.random) == 2 and set(found.rankings) == {BY_INCREASE, BY_ATTENTION}
    for curve in (found.curve, *found.random, *found.rankings.values()):
        assert curve.shares == SHARES and curve.faithfulness[-1] == pytest.approx(1)
    assert any(not np.allclose(one.faithfulness, found.curve.faithfulness) for one in found.random)


def test_areas_are_those_of_the_trapezoids() -> None:
    curve = Curve((0.1, 0.5, 1.0), np.array([0.5, 1.2, 1.0]))
    assert curve.cpr == pytest.approx(0.1 * 0.25 + 0.4 * 0.85 + 0.5 * 1.1)
    assert curve.cmd == pytest.approx(0.1 * 0.75 + 0.4 * 0.35 + 0.5 * 0.1)


def test_the_same_edges_carry_the_same_where_they_were_found(model: TransformersModel, found: Circuit) -> None:
    answer, corruption = asked(model, drawn())
    again = transferred(found, model, answer, TARGET, corruption)
    assert again.faithfulness == pytest.approx(found.faithfulness)
    elsewhere = transferred(found, model, answer, TARGET, OtherImages((drawn().rotate(90),)))
    assert np.isfinite(elsewhere.faithfulness) and elsewhere.clean_logprob == pytest.approx(found.clean_logprob)


def test_other_shapes_and_other_groups_are_refused(
    llava: TransformersModel, model: TransformersModel, found: Circuit, tmp_path: Path
) -> None:
    deeper = load(save_llava(tmp_path, num_hidden_layers=2))
    answer = sampled(deeper, "the dog?", drawn())
    with pytest.raises(NotApplicable, match="same shape"):
        transferred(found, deeper, answer, TARGET, OtherImages((drawn().rotate(90),)))
    first = sampled(model, "the dog?", drawn())
    with pytest.raises(NotApplicable, match="token groups"):
        transferred(found, model, first, Target((3,)), OtherImages((drawn().rotate(90),)))


def test_what_changes_nothing_has_no_circuit(model: TransformersModel) -> None:
    answer = sampled(model, "the dog?", drawn())
    with pytest.raises(NotApplicable, match="does not bear on this word"):
        find_circuit(model, answer, TARGET, OtherImages((drawn(),)))


def test_the_picture_carries_what_changing_it_alone_takes(model: TransformersModel) -> None:
    answer, corruption = asked(model, drawn())
    between = Interchange(model, answer, TARGET, corruption)
    alone = Interchange(model, answer, TARGET, OtherImages((corruption.question.images[0],)))  # type: ignore[union-attr]
    expected = (between.clean_logprob - alone.corrupted_logprob) / (between.clean_logprob - between.corrupted_logprob)
    assert picture_share(between) == pytest.approx(expected, abs=1e-6)
    assert picture_share(alone) == pytest.approx(1)
    words = sampled(model, "only words", tokens=3)
    question = sampled(model, "words only", tokens=1).question
    with pytest.raises(NotApplicable, match="no edge comes from a picture"):
        picture_share(Interchange(model, words, TARGET, OtherPrompt(question)))


def test_only_edges_on_a_way_to_the_logits_are_alive() -> None:
    graph = Graph(2, 2, (Group("image", (0,)), Group("last", (1,))))
    kept = np.zeros((graph.senders, graph.receivers), bool)
    kept[0, graph.receiver_head(0, 1)] = True
    kept[graph.sender_head(0, 1), graph.receiver_mlp(1)] = True
    assert not graph.alive(kept).any()
    kept[graph.sender_mlp(1), -1] = True
    assert (graph.alive(kept) == kept).all()
    # What nothing reaches, and what nobody reads.
    kept[graph.sender_head(1, 0), -1] = True
    kept[1, graph.receiver_head(1, 1)] = True
    assert graph.alive(kept).sum() == 3
    assert not graph.possible[graph.sender_mlp(1), graph.receiver_head(1, 0)]
    assert graph.possible[graph.sender_head(1, 0), graph.receiver_mlp(1)]


def test_a_stop_is_heard_and_too_little_memory_refused(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, corruption = asked(model, drawn())
    hooks = hooks_of(model)
    for at in (0.1, 0.5):
        cancel, heard = CancelToken(), list[float]()

        def stop(done: float, cancel: CancelToken = cancel, at: float = at, heard: list[float] = heard) -> None:
            heard.append(done)
            if done > at:
                cancel.cancel()

        with pytest.raises(Cancelled):
            find_circuit(model, answer, TARGET, corruption, steps=2, cancel=cancel, progress=stop)
        assert heard == sorted(heard) and heard[-1] < 0.9
        assert hooks_of(model) == hooks
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 10)
    with pytest.raises(NotEnoughMemory, match="A circuit needs about"):
        find_circuit(model, answer, TARGET, corruption)
