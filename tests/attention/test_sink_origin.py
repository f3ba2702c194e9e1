"""Where sinks come from, of towers whose sinks are known, and against a tower's own states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, HeldRows, Question, TokenKind
from core.attention import sink_origin
from core.attention.sink_origin import STANDS_OUT, first_layer, norms_of, sink_origins
from core.attention.sinks import FACTOR, Sink, Sinks, find_sinks
from core.attention.tower import image_tokens, tower_read
from core.errors import NotApplicable
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.attention.test_attention import WrittenOut


def asked(model: TransformersModel, picture: Image.Image) -> Answer:
    return ask(model, Question("is the the door", (picture,), decoding=Decoding(max_new_tokens=5)))


class Built(WrittenOut):
    """A tower whose states and attention are given."""

    def __init__(self, states: torch.Tensor, attention: torch.Tensor) -> None:
        super().__init__(attention)
        self._states = states

    @property
    def read(self) -> list[torch.Tensor]:
        return [self._states]


def built(patches: int, massive: int | None = None, looked_at: int | None = None) -> Built:
    """A tower in which one place has a large state, and all look at one place."""
    states = torch.nn.functional.normalize(torch.randn(patches, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    if massive is not None:
        states[massive] *= 1.1 * STANDS_OUT
    attention = torch.ones(2, 2, patches, patches)
    if looked_at is not None:
        attention[..., looked_at] = patches
    return Built(states, attention / attention.sum(-1, keepdim=True))


def sinks_at(*positions: int) -> Sinks:
    return Sinks((Sink(0, "first", 0.5, 9.0), *(Sink(p, "patch", 0.1, 9.0) for p in positions)), True)


def test_a_massive_state_or_a_look_of_all_patches_makes_a_sink_of_the_tower(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(llava, picture)
    image = answer.layout.positions(TokenKind.IMAGE)
    sinks = sinks_at(image[3], image[5], image[7])
    monkeypatch.setattr(sink_origin, "tower_read", lambda model, answer: built(len(image), massive=3, looked_at=5))
    found = sink_origins(llava, answer, sinks)
    assert [(one.position, one.origin) for one in found] == [
        (image[3], "tower"), (image[5], "tower"), (image[7], "decoder")
    ]  # fmt: skip
    massive, seen, plain = found
    assert massive.norm == pytest.approx(1.1 * STANDS_OUT, rel=1e-3) and massive.looked_at < 1
    # One of n places gets n, the others 1 each: n / (2 n - 1) of n even shares.
    assert seen.looked_at == pytest.approx(len(image) ** 2 / (2 * len(image) - 1), rel=1e-3) and seen.looked_at > FACTOR
    assert plain.norm == pytest.approx(1, rel=1e-3) and plain.sentence.startswith("Made by the decoder")
    assert massive.sentence.startswith("Comes from the vision tower")


def test_the_size_of_a_patch_is_that_of_what_the_projector_reads(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = asked(model, picture)
    tower = tower_read(model, answer)
    assert tower is not None
    norms = norms_of(tower, image_tokens(answer.layout, 0))
    states = tower.read[-1]
    for token, places in enumerate(tower.place_of.tolist()):
        by_hand = [float(sum(float(number) ** 2 for number in states[place]) ** 0.5) for place in places]
        assert norms[token] == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-5)


def test_llavas_states_are_those_of_its_own_tower(llava: TransformersModel, picture: Image.Image) -> None:
    answer = asked(llava, picture)
    tower = tower_read(llava, answer)
    assert tower is not None
    with torch.no_grad():
        seen = llava.network.model.vision_tower(answer.inputs["pixel_values"], output_hidden_states=True)
    expected = seen.hidden_states[-1][0, 1:].norm(dim=-1)
    np.testing.assert_allclose(norms_of(tower, image_tokens(answer.layout, 0)), expected.numpy(), rtol=1e-4)


def test_the_layer_that_makes_a_sink_is_named() -> None:
    rows = torch.full((4, 2, 5, 20), 1 / 40)
    rows[2:, :, :, 3] = 0.6
    held = HeldRows(rows, tuple(range(5)), (0, 1, 2, 3), 4)
    assert first_layer(held, 3) == 2 and first_layer(held, 4) is None and first_layer(None, 3) is None
    rows[1] = float("nan")
    assert first_layer(HeldRows(rows, tuple(range(5)), (0, 1, 5, 6), 8), 3) == 5


def test_without_sinks_nothing_is_read(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(llava, picture)
    monkeypatch.setattr(sink_origin, "tower_read", lambda model, answer: pytest.fail("the tower was read"))
    assert sink_origins(llava, answer, sinks_at()) == ()


def test_a_tower_that_cannot_be_read_is_refused_and_a_stop_is_heard(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(model, picture)
    sinks = find_sinks(answer, factor=0.5)
    assert sinks.of_kind("patch") and len(sink_origins(model, answer, sinks)) == len(sinks.of_kind("patch"))
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        sink_origins(model, answer, sinks, cancel=cancel)
    monkeypatch.setattr(sink_origin, "tower_read", lambda model, answer: None)
    with pytest.raises(NotApplicable, match="either"):
        sink_origins(model, answer, sinks)
