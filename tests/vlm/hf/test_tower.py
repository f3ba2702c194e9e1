"""The vision tower's checkpointed pass against whole matrices, and its places against the network's own gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind
from core.attention.tower import image_tokens
from core.vlm import tower
from core.vlm.generation import ask
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.families.base import Tower
from core.vlm.hf.network import TransformersModel
from tests import literal
from tests.families import (
    save_aya_vision,
    save_gemma3,
    save_internvl,
    save_llava_next,
    save_llava_onevision,
    save_paligemma,
    save_qwen2_vl,
    save_smolvlm,
    save_vipllava,
)
from tests.zoo import load, save_deepstack, save_llava, save_qwen


@dataclass
class Pair:
    """A model in float64, and the same network written out."""

    model: TransformersModel
    network: Any

    def asked(self, *pictures: Image.Image) -> Answer:
        question = Question("Where is the dog?", pictures, decoding=Decoding(max_new_tokens=2))
        return ask(self.model, question, keep_attention=False)


SAVERS = (
    save_llava,
    save_qwen,
    save_qwen2_vl,
    save_aya_vision,
    save_gemma3,
    save_internvl,
    save_llava_next,
    save_llava_onevision,
    save_paligemma,
    save_smolvlm,
    save_deepstack,
    save_vipllava,
)


@pytest.fixture(scope="module", params=SAVERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder: Path = request.param(tmp_path_factory.mktemp("network"))
    model = load(folder)
    model.network.double()
    return Pair(model, literal.network_of(folder))


@pytest.fixture
def pictures(picture: Image.Image) -> tuple[Image.Image, ...]:
    """Two pictures of different shapes, the larger of which Qwen's tower looks at in several windows."""
    return picture.resize((150, 110)), picture.rotate(180).resize((90, 140))


def test_places_and_projector_are_the_networks(pair: Pair, pictures: tuple[Image.Image, ...]) -> None:
    for shown in (pictures, pictures[:1], pictures[1:]):
        answer = pair.asked(*shown)
        oracle = literal.whole_pass(pair.network, answer)
        checkpoints = pair.model.checkpointed_tower(answer)
        assert checkpoints is not None and oracle.last is not None and oracle.features is not None
        torch.testing.assert_close(checkpoints.final, oracle.last.flatten(0, -2).detach())
        projected = checkpoints.project(*checkpoints.read)
        assert len(projected) == checkpoints.entries
        torch.testing.assert_close(projected[0], oracle.features.detach())
        # A token without a place, at the end of a row, has -1.
        declared = [[place for place in sorted(places) if place >= 0] for places in checkpoints.place_of.tolist()]
        assert declared == [places.tolist() for places in literal.places_of(oracle)]


def test_every_layer_is_recomputed_as_it_was(pair: Pair, pictures: tuple[Image.Image, ...]) -> None:
    checkpoints = pair.model.checkpointed_tower(pair.asked(*pictures))
    assert checkpoints is not None
    expected = [*checkpoints.inputs[1:], checkpoints.final]
    for layer in range(checkpoints.layers):
        with checkpoints.recompute(layer) as recomputed:
            torch.testing.assert_close(recomputed.output, expected[layer])
            covered = [
                place
                for call in recomputed.attention_calls
                for place in range(call.offset, call.offset + len(call.output))
            ]
            assert covered == list(range(len(checkpoints.final)))
            outputs = [call.output for call in recomputed.attention_calls]
            gradients = torch.autograd.grad(recomputed.output.square().sum(), outputs)
            assert all(float(gradient.abs().min()) > 0 for gradient in gradients)


def test_attention_among_image_tokens_is_that_of_whole_matrices(pair: Pair, pictures: tuple[Image.Image, ...]) -> None:
    answer = pair.asked(*pictures)
    oracle = literal.whole_pass(pair.network, answer)
    places = literal.places_of(oracle)
    tokens = dict(zip(answer.layout.positions(TokenKind.IMAGE), places, strict=True))
    for image in range(len(pictures)):
        shown = sorted(p for view in answer.layout.views if view.image == image for p in view.positions)
        own = [tokens[position] for position in shown]
        checkpoints = pair.model.checkpointed_tower(answer)
        assert checkpoints is not None and checkpoints.layers == len(oracle.tower)
        index = torch.tensor(image_tokens(answer.layout, image))
        assert [answer.layout.positions(TokenKind.IMAGE)[number] for number in index] == shown
        for number, windows in enumerate(oracle.tower):
            layer = checkpoints.attention_among(number, index)
            # [window, head, n, n] one after the other -> a whole matrix for each head
            heads = windows[0].shape[1]
            blocks = [window[batch] for window in windows for batch in range(len(window))]
            whole = torch.stack([torch.block_diag(*(block[head] for block in blocks)) for head in range(heads)])
            expected = torch.stack(
                [torch.stack([whole[:, query][:, :, key].sum(-1).mean(-1) for key in own], -1) for query in own], 1
            )
            torch.testing.assert_close(layer, expected.detach(), atol=1e-6, rtol=1e-4)
            assert bool((layer.sum(-1) <= 1 + 1e-6).all())


def test_rows_of_a_tower_come_in_blocks_of_few(
    pair: Pair, pictures: tuple[Image.Image, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = pair.model.checkpointed_tower(pair.asked(*pictures))
    assert checkpoints is not None
    tokens = checkpoints.seeing
    whole = checkpoints.attention_among(1, tokens)
    monkeypatch.setattr(tower, "BLOCK_BYTES", 1)
    blocks = list(checkpoints.attention_blocks(1, tokens))
    assert sorted(int(block) for block, _ in blocks) == list(range(len(tokens)))
    for block, rows in blocks:
        torch.testing.assert_close(rows, whole[:, block], atol=1e-6, rtol=1e-4)
    ((chosen, rows),) = checkpoints.attention_blocks(1, tokens, torch.tensor([2]))
    assert chosen.tolist() == [2] and torch.equal(rows, dict((int(b), r) for b, r in blocks)[2])


def test_only_layers_that_are_read_are_checkpointed(llava: TransformersModel, picture: Image.Image) -> None:
    answer = ask(llava, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=2)))
    config = llava.network.config
    try:
        for feature, layers in ((-2, 1), (1, 1), (2, 2), (-1, 2)):
            config.vision_feature_layer = feature
            checkpoints = llava.checkpointed_tower(answer)
            assert checkpoints is not None and checkpoints.layers == layers
    finally:
        config.vision_feature_layer = -1


def test_there_is_no_tower_pass_without_pictures_or_a_description(
    model: TransformersModel, picture: Image.Image
) -> None:
    words = ask(model, Question("Only words", decoding=Decoding(max_new_tokens=2)))
    assert model.checkpointed_tower(words) is None
    shown = ask(model, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=2)))
    undescribed = TransformersModel(model.network, model.processor, Undescribed("unknown"), model.card)
    assert undescribed.checkpointed_tower(shown) is None


def test_a_grid_that_was_shrunk_is_not_followed(tmp_path: Path, picture: Image.Image) -> None:
    """Its tokens are mixtures of neighbouring patches in unequal shares."""
    model = load(save_llava_onevision(tmp_path, most=1))
    answer = ask(model, Question("Where?", (picture.resize((150, 110)),), decoding=Decoding(max_new_tokens=2)))
    assert [view.name for view in answer.layout.views] == ["overview", "detail"]
    assert model.checkpointed_tower(answer) is None


def test_a_tower_that_is_not_as_declared_gives_no_pass(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer too few, and a projector that puts the places in another order."""
    answer = ask(model, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=2)))
    declared = model.family.tower(model._passes.context_of(answer))
    assert declared is not None
    kind = type(model.family)
    monkeypatch.setattr(kind, "tower", lambda *_: replace(declared, layers=declared.layers[:-1], reads=()))
    assert model.checkpointed_tower(answer) is None

    def shuffled(*_: object) -> Tower:
        return replace(declared, project=lambda states: declared.project(states).flip(1))

    monkeypatch.setattr(kind, "tower", shuffled)
    assert model.checkpointed_tower(answer) is None
