"""Attribution patching against a literal loop: an eager network in float64, every activation and its gradient kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Target
from core.errors import NotApplicable
from core.mechanisms.corruption import Corruption, Noise, corrupted
from core.mechanisms.patch_effects import of_positions, patch_effects
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import expected
from core.perturb.perturbation import OtherImages
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.pass_costs import Passes
from tests.eager import eager_network, sampled, whole_inputs
from tests.hooks import hooks_of
from tests.zoo import load, save_deepstack, save_llava, save_qwen

FAMILIES = {
    "llava": save_llava,
    "shared keys": save_qwen,
    "norms after": lambda folder: save_llava(
        folder, model_type="gemma2", num_key_value_heads=2, head_dim=16, sliding_window=12, attn_logit_softcapping=1.0
    ),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def double(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    model = load(FAMILIES[request.param](tmp_path_factory.mktemp("network")))
    model.network.double()
    return model


@contextlib.contextmanager
def kept_from(network: Any, embedded: torch.Tensor) -> Iterator[dict[tuple[str, int], torch.Tensor]]:
    """Everything handed on inside, with gradients kept, in a pass whose decoder begins at these embeddings."""
    kept: dict[tuple[str, int], torch.Tensor] = {}

    def keep(name: str, layer: int, states: torch.Tensor) -> torch.Tensor:
        if not states.requires_grad:
            states = states.detach().requires_grad_()
        states.retain_grad()
        kept[name, layer] = states
        return states

    def entering(_: Any, args: Any, kwargs: Any, layer: int) -> Any:
        states = embedded[None] if layer == 0 else args[0]
        return (keep("state", layer, states), *args[1:]), kwargs

    layers = network.get_decoder().layers
    with contextlib.ExitStack() as hooks:
        for index, layer in enumerate(layers):

            def before(_: Any, args: Any, kwargs: Any, index: int = index) -> Any:
                return entering(_, args, kwargs, index)

            hooks.callback(layer.register_forward_pre_hook(before, with_kwargs=True).remove)
            hooks.callback(
                layer.self_attn.o_proj.register_forward_pre_hook(
                    lambda _, args, index=index: (keep("heads", index, args[0]),)
                ).remove
            )
            hooks.callback(
                layer.mlp.register_forward_hook(lambda _, args, made, index=index: keep("mlp", index, made)).remove
            )
        hooks.callback(
            layers[-1]
            .register_forward_hook(
                lambda _, args, made: keep("state", len(layers), made[0] if isinstance(made, tuple) else made)
            )
            .remove
        )
        yield kept


def literally(
    model: TransformersModel, answer: Answer, target: Target, ends: tuple[torch.Tensor, torch.Tensor], steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effects of heads, MLPs and states, one number after the other."""
    network, start = eager_network(model.card.source), len(answer.prompt_tokens) - 1

    def run(embedded: torch.Tensor) -> dict[tuple[str, int], torch.Tensor]:
        with kept_from(network, embedded) as kept:
            logits = network(**whole_inputs(answer, answer.token_ids[:-1]), use_cache=False).logits[0]
            logprobs = logits.log_softmax(-1)
            total = torch.zeros((), dtype=torch.float64)
            for number, index in enumerate(target.tokens):
                total = total + logprobs[start + index, answer.token_ids[index]]
                if target.rivals:
                    total = total - logprobs[start + index, target.rivals[number]]
            total.backward()
        return kept

    clean, broken = (run(end) for end in ends)
    shares = [(step + 0.5) / steps for step in range(steps)] or [0.0]
    points = [run(ends[1] + share * (ends[0] - ends[1])) for share in shares]
    layers, heads = model.card.layers, model.card.heads
    made = np.zeros((layers, heads)), np.zeros(layers), np.zeros((layers + 1, len(ends[0])))
    for point in points:
        for (name, layer), own in point.items():
            products = ((clean[name, layer] - broken[name, layer]) * own.grad)[0].detach().numpy() / len(points)
            for position, row in enumerate(products):
                if name == "state":
                    made[2][layer, position] += row.sum()
                elif name == "mlp":
                    made[1][layer] += row.sum()
                else:
                    made[0][layer] += row.reshape(heads, -1).sum(-1)
    return made


@pytest.mark.parametrize(("steps", "target"), [(0, Target((1,))), (1, Target((0, 2), (40, 41))), (3, Target((2,)))])
def test_effects_are_those_of_the_literal_loop(
    double: TransformersModel, picture: Image.Image, steps: int, target: Target
) -> None:
    answer = sampled(double, "the the dog", picture)
    corruptions: tuple[Corruption, ...] = (
        Noise(answer.layout.question(), scale=1.0, samples=1, seed=4),
        OtherImages((picture.rotate(180),)),
    )
    for corruption in corruptions:
        effects = patch_effects(double, answer, target, corruption, steps)
        until = answer.until(max(target.tokens) + 1)
        clean = double.checkpointed(until)
        (broken,) = corrupted(double, until, corruption, clean)
        ends = clean.inputs[0], broken.inputs[0]
        assert ends[0] is not None and ends[1] is not None
        heads, mlps, residual = literally(double, until, target, (ends[0].double(), ends[1].double()), steps)
        scale = np.abs(residual).max()
        np.testing.assert_allclose(effects.heads, heads, atol=1e-4 * scale)
        np.testing.assert_allclose(effects.mlps, mlps, atol=1e-4 * scale)
        length = residual.shape[1]
        np.testing.assert_allclose(effects.residual[:, :length], residual, atol=1e-4 * scale)
        assert not effects.residual[:, length:].any()


def test_many_steps_add_up_to_the_total(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog", picture)
    effects = patch_effects(llava, answer, Target((1,)), Noise(answer.layout.question(), 2.0, samples=1), 40)
    everything = range(len(answer.layout))
    summed = of_positions(effects, everything)
    assert abs(effects.total) > 1e-3
    assert summed[0] == pytest.approx(effects.total, rel=0.02, abs=1e-4)


def test_by_default_it_takes_at_most_eight_passes(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "the dog", picture)
    mechanism = mechanisms()["attribution_patching"]
    told = expected(mechanism, model, answer, Target((1,)), mechanism.Settings()).passes
    assert isinstance(told, Passes) and told.count <= 8


def test_features_between_layers_have_no_run_between(picture: Image.Image, tmp_path: Path) -> None:
    model = load(save_deepstack(tmp_path))
    answer = sampled(model, "the dog", picture)
    other = OtherImages((picture.rotate(180),))
    with pytest.raises(NotApplicable, match="Choose 0 steps"):
        patch_effects(model, answer, Target((1,)), other, 1)
    assert np.isfinite(patch_effects(model, answer, Target((1,)), other, 0).residual).all()


def test_a_stop_and_an_error_leave_nothing_behind(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, hooks = sampled(llava, "the dog", picture), hooks_of(llava)
    other = OtherImages((picture.rotate(90),))
    for at in (0.2, 0.8):
        cancel = CancelToken()

        def stop(done: float, at: float = at, cancel: CancelToken = cancel) -> None:
            if done > at:
                cancel.cancel()

        with pytest.raises(Cancelled):
            patch_effects(llava, answer, Target((1,)), other, 2, cancel=cancel, progress=stop)
        assert hooks_of(llava) == hooks
    monkeypatch.setattr("core.mechanisms.patch_effects._of_mlp", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        patch_effects(llava, answer, Target((1,)), other, 1)
    assert hooks_of(llava) == hooks
    assert all(parameter.grad is None for parameter in llava.network.parameters())
