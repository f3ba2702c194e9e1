"""Parts restored in earnest, against an eager pass for each; and how far estimates agree with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Target
from core.mechanisms.corruption import Noise, corrupted
from core.mechanisms.groups import groups
from core.mechanisms.patch_agreement import Part, patch_agreement
from core.mechanisms.patch_effects import patch_effects
from core.statistics.rank_correlation import spearman
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import Edit, Site, StatePatch
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.eager import eager_logits_with, eager_network, sampled
from tests.hooks import hooks_of

TARGET = Target((1,), (41,))


def eagerly(model: TransformersModel, answer: Answer, embedded: tuple[torch.Tensor, torch.Tensor], part: Part) -> float:
    """What one part gives back, by two eager passes over the corrupted embeddings."""
    places = [g for g in groups(answer, token_targets_of(answer, TARGET)) if g.positions]
    network, kept = eager_network(model.card.source), dict[str, torch.Tensor]()
    layer = network.get_decoder().layers[part.layer]
    size = layer.self_attn.o_proj.in_features // model.card.heads
    columns = slice(part.number * size, (part.number + 1) * size)
    everywhere = tuple(range(len(embedded[0])))

    def pass_over(states: torch.Tensor, *more: Edit) -> float:
        logits = eager_logits_with(model, answer, (StatePatch(Site.INPUT, 0, everywhere, states), *more))
        row = logits.log_softmax(-1)[1]
        return float(row[answer.token_ids[1]] - row[41])

    hooks = [
        layer.self_attn.o_proj.register_forward_pre_hook(lambda _, args: kept.update(head=args[0])),
        layer.mlp.register_forward_hook(lambda _, args, made: kept.update(mlp=made)),
        layer.register_forward_pre_hook(lambda _, args: kept.update(states=args[0])),
    ]
    pass_over(embedded[0])
    for hook in hooks:
        hook.remove()
    hurt = pass_over(embedded[1])
    if part.kind == "head":

        def back(_: object, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            states = args[0].clone()
            states[..., columns] = kept["head"][..., columns]
            return (states,)

        hook = layer.self_attn.o_proj.register_forward_pre_hook(back)
        mended = pass_over(embedded[1])
        hook.remove()
        return mended - hurt
    if part.kind == "mlp":
        return (
            pass_over(embedded[1], StatePatch(Site.MLP, part.layer, everywhere, kept["mlp"][0][: len(everywhere)]))
            - hurt
        )
    own = places[part.number].positions
    if part.layer == 0:
        mixed = embedded[1].clone()
        mixed[list(own)] = embedded[0][list(own)]
        return pass_over(mixed) - hurt
    return pass_over(embedded[1], StatePatch(Site.INPUT, part.layer, own, kept["states"][0][list(own)])) - hurt


def test_restored_parts_are_those_of_eager_passes(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog", picture).until(2)
    noise = Noise(answer.layout.question(), 2.0, samples=1)
    agreement = patch_agreement(llava, answer, patch_effects(llava, answer, TARGET, noise), 4)
    assert [part.kind for part in agreement.parts] == ["head"] * 4 + ["mlp"] * 3 + ["states"] * 4
    clean = llava.checkpointed(answer)
    (broken,) = corrupted(llava, answer, noise, clean)
    assert clean.inputs[0] is not None and broken.inputs[0] is not None
    embedded = clean.inputs[0].double(), broken.inputs[0].double()
    for number in (0, 3, 4, 6, 7, 10):
        expected = eagerly(llava, answer, embedded, agreement.parts[number])
        assert agreement.restored[number] == pytest.approx(expected, abs=2e-4)


def test_estimates_rank_parts_as_restoring_does(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "the the dog", picture)
    noise = Noise(answer.layout.question(), 1.0, samples=1)
    effects = patch_effects(model, answer, TARGET, noise, 8)
    agreement = patch_agreement(model, answer, effects)
    for kind in ("head", "states"):
        both = agreement.of(kind)  # type: ignore[arg-type]
        assert float(spearman(*both)) > 0.8
        assert agreement.correlation(kind).value == pytest.approx(float(spearman(*both)))  # type: ignore[arg-type]
    gaps = [abs(one - other) for _, one, other in agreement.furthest(3)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] == pytest.approx(np.abs(agreement.estimated - agreement.restored).max())


def test_a_stop_leaves_nothing_behind(llava: TransformersModel, picture: Image.Image) -> None:
    answer, hooks, cancel = sampled(llava, "the dog", picture), hooks_of(llava), CancelToken()
    effects = patch_effects(llava, answer, TARGET, Noise(answer.layout.question(), 1.0, samples=1))
    with pytest.raises(Cancelled):
        patch_agreement(llava, answer, effects, cancel=cancel, progress=lambda done: cancel.cancel())
    assert hooks_of(llava) == hooks
