"""The states that probes read, against an eager network that keeps all of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Target, TokenKind
from core.probes.states import COVERED, PLACES, layers_of, mean_states, places_of, thing_tokens
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import Site
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.eager import sampled
from tests.hooks import hooks_of
from tests.mechanisms.test_tracing import eager_states


def test_states_are_the_eager_networks_means_over_each_place(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Is it red or is it red?", picture)
    marked = np.zeros((80, 120), bool)
    marked[10:60, 20:90] = True
    first = token_targets_of(answer, Target((0,)))
    places = places_of(answer, first, marked)
    assert tuple(places) == PLACES and places["last"] == (len(answer.prompt_tokens) - 1,)
    assert set(places["thing"]) < set(answer.layout.positions(TokenKind.IMAGE))
    expected = eager_states(model, answer.until(1))
    for where, site in (("residual", None), ("attention", Site.ATTENTION), ("mlp", Site.MLP)):
        found = mean_states(model, answer, first, places, where)  # type: ignore[arg-type]
        assert found.shape == (layers_of(model, where), len(PLACES), model.card.hidden)  # type: ignore[arg-type]
        for layer in range(found.shape[0]):
            if site is not None:
                states = expected[site, layer]
            else:
                states = expected[Site.INPUT, 0] if layer == 0 else expected[Site.OUTPUT, layer - 1]
            for number, own in enumerate(places.values()):
                wanted = torch.stack([states[position] for position in own]).sum(0) / len(own)
                assert np.allclose(found[layer, number], wanted.numpy(), atol=2e-4), (where, layer, PLACES[number])


def test_a_place_without_positions_has_no_state(llava: TransformersModel) -> None:
    answer = sampled(llava, "Is it red?")
    first = token_targets_of(answer, Target((0,)))
    found = mean_states(llava, answer, first, places_of(answer, first))
    assert np.isnan(found[:, [PLACES.index("thing"), PLACES.index("image")]]).all()
    assert np.isfinite(found[:, PLACES.index("last")]).all()


def test_small_things_have_the_token_they_cover_most(llava: TransformersModel, picture: Image.Image) -> None:
    layout = sampled(llava, "Is it red?", picture).layout
    nothing, dot = np.zeros((80, 120), bool), np.zeros((80, 120), bool)
    dot[40:42, 60:62] = True
    assert thing_tokens(nothing, layout) == ()
    (token,) = thing_tokens(dot, layout)
    left, top, right, bottom = layout.box(token) or (0, 0, 0, 0)
    assert left <= 61 and right >= 61 and top <= 41 and bottom >= 41
    assert 4 / ((right - left) * (bottom - top)) < COVERED


def test_stopping_ends_it_and_leaves_nothing(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Is it red?", picture)
    first = token_targets_of(answer, Target((0,)))
    hooks, stop = hooks_of(llava), CancelToken()
    stop.cancel()
    with pytest.raises(Cancelled):
        mean_states(llava, answer, first, places_of(answer, first), "mlp", stop)
    assert hooks_of(llava) == hooks
