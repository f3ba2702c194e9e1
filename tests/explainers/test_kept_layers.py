"""Graphs kept from the way up to the way down change no map, and are gone afterwards."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from PIL import Image
from torch.multiprocessing.reductions import StorageWeakRef

from core.answer import Target
from core.explainers import _image_path, _kept_layers
from core.explainers._kept_layers import KeptLayers, room_for_layers
from core.explainers.integrated_gradients import IntegratedGradients, IntegratedGradientsSettings
from core.explainers.run import explain
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from tests.eager import sampled

EVERYTHING = 10**9


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[StorageWeakRef]:
    """What graphs were seen to hold."""
    seen: list[StorageWeakRef] = []
    add = _kept_layers._Held.add

    def watched(self: _kept_layers._Held, *tensors: torch.Tensor) -> None:
        seen.extend(StorageWeakRef(tensor.untyped_storage()) for tensor in tensors)
        add(self, *tensors)

    monkeypatch.setattr(_kept_layers._Held, "add", watched)
    return seen


def size_of_a_layer(model: TransformersModel, picture: Image.Image) -> int:
    checkpoints = model.checkpointed(sampled(model, "the dog?", picture, tokens=2))
    embeddings = checkpoints.inputs[0]
    assert embeddings is not None
    with KeptLayers(checkpoints, EVERYTHING) as kept:
        next(kept.up(embeddings))
        return kept._largest


def maps_agree(model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = sampled(model, "the dog?", picture, tokens=2)
    one = size_of_a_layer(model, picture)
    maps = []
    for room in (0, int(1.5 * one), EVERYTHING):
        monkeypatch.setattr(_image_path, "room_for_layers", lambda *_, room=room: room)
        settings = IntegratedGradientsSettings(steps=2)
        maps.append(explain(IntegratedGradients(), model, answer, [Target((0,)), Target((1,))], settings))
    for other in maps[1:]:
        for first, again in zip(maps[0], other, strict=True):
            assert first.scores.abs().max() > 0
            torch.testing.assert_close(first.scores, again.scores, rtol=1e-5, atol=0)


def test_whatever_is_kept_the_map_is_the_same(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps_agree(model, picture, monkeypatch)


def test_so_it_is_in_half_precision(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = load_model(ModelSpec(llava.card.source, dtype="bfloat16", device="cpu"))
    assert isinstance(half, TransformersModel)
    maps_agree(half, picture, monkeypatch)


def test_as_many_are_kept_as_there_is_room_for(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    checkpoints = llava.checkpointed(answer)
    embeddings, one = checkpoints.inputs[0], size_of_a_layer(llava, picture)
    assert embeddings is not None
    for room, layers in ((0, 0), (int(2.5 * one), min(2, checkpoints.layers)), (EVERYTHING, checkpoints.layers)):
        made = Counter[bool]()
        recompute = checkpoints.recompute
        with pytest.MonkeyPatch.context() as patch, KeptLayers(checkpoints, room) as kept:

            def counted(layer: int, *, grad: bool = True, made=made, recompute=recompute):  # type: ignore[no-untyped-def]
                made[grad] += 1
                return recompute(layer, grad=grad)

            patch.setattr(checkpoints, "recompute", counted)
            list(kept.up(embeddings))
            assert len(kept._kept) == layers
            made.clear()
            for layer in reversed(range(checkpoints.layers)):
                with kept.down(layer) as layer_pass:
                    assert layer_pass.output.requires_grad
            assert made.total() == checkpoints.layers - layers


def test_no_graph_outlives_its_block(
    llava: TransformersModel, picture: Image.Image, held: list[StorageWeakRef]
) -> None:
    """Also one that is stopped on its way up."""
    answer = sampled(llava, "the dog?", picture, tokens=2)
    checkpoints = llava.checkpointed(answer)
    embeddings = checkpoints.inputs[0]
    assert embeddings is not None
    with pytest.raises(InterruptedError), KeptLayers(checkpoints, EVERYTHING) as kept:
        list(kept.up(embeddings))
        assert len(held) > 10 * checkpoints.layers
        raise InterruptedError
    # States between layers are the pass's own.
    layers = [state for state in (*checkpoints.inputs, checkpoints.final) if state is not None]
    own = {state.untyped_storage()._cdata for state in layers}
    assert not [one for one in held if not one.expired() and one.cdata not in own]


def test_room_is_bounded_by_what_layers_take_and_by_what_is_free(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    state = len(answer.layout) * llava.card.hidden * llava.card.number_bytes
    room = room_for_layers(llava, answer, [])
    assert size_of_a_layer(llava, picture) * llava.card.layers <= room <= 64 * llava.card.layers * state
    monkeypatch.setattr(_kept_layers, "available_bytes", lambda _: 0)
    assert room_for_layers(llava, answer, []) == 0
