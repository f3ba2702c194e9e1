"""Causal tracing against the literal procedure: one eager pass for each restoration, from the first layer on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Target
from core.errors import NotApplicable, NotEnoughMemory
from core.mechanisms.corruption import Corruption, Noise, corrupted, samples_of
from core.mechanisms.groups import Group, groups, patch_groups
from core.mechanisms.tracing import trace
from core.perturb.perturbation import OtherImages
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import Site, StatePatch
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.eager import eager_logits_with, eager_network, sampled, whole_inputs
from tests.zoo import load, of_family, save_deepstack

INSIDE = (Site.OUTPUT, Site.ATTENTION, Site.MLP)


def eager_states(model: TransformersModel, answer: Answer) -> dict[tuple[Site, int], torch.Tensor]:
    """What goes into the first layer, and what each layer and its parts hand on, at every position."""
    network, states_of = eager_network(model.card.source), {}
    with torch.no_grad():
        hooks = []
        for index, layer in enumerate(network.get_decoder().layers):
            for site, module in ((Site.OUTPUT, layer), (Site.ATTENTION, layer.self_attn), (Site.MLP, layer.mlp)):

                def keep(_: Any, args: Any, output: Any, key: tuple[Site, int] = (site, index)) -> None:
                    states_of[key] = (output[0] if isinstance(output, tuple) else output)[0]

                hooks.append(module.register_forward_hook(keep))
            hooks.append(
                layer.register_forward_pre_hook(
                    lambda _, args, key=(Site.INPUT, index): states_of.update({key: args[0][0]})
                )
            )
        network(**whole_inputs(answer, answer.token_ids), use_cache=False)
    for hook in hooks:
        hook.remove()
    return states_of


def logprob(logits: torch.Tensor, answer: Answer, target: Target) -> float:
    logprobs = logits.log_softmax(-1)
    said = sum(float(logprobs[index, answer.token_ids[index]]) for index in target.tokens)
    rivals = zip(target.tokens, target.rivals or (), strict=False)
    return said - sum(float(logprobs[index, rival]) for index, rival in rivals)


def restored_literally(
    model: TransformersModel,
    runs: tuple[Answer, Answer],
    target: Target,
    embedded: torch.Tensor,
    site: Site,
    layers: range,
    place: Group,
) -> float:
    """One pass over the corrupted run's inputs and embeddings with the clean run's states put back."""
    clean_answer, corrupted_answer = runs
    clean = eager_states(model, clean_answer)
    everywhere = tuple(range(len(embedded)))
    corruption = StatePatch(Site.INPUT, 0, everywhere, embedded)
    back = [StatePatch(site, layer, place.positions, clean[site, layer][list(place.positions)]) for layer in layers]
    return logprob(eager_logits_with(model, corrupted_answer, (corruption, *back)), clean_answer, target)


def places_of(answer: Answer, target: Target) -> list[Group]:
    group_of = [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
    return [*group_of, Group("some", (answer.layout.positions(answer.layout.kinds[5])[0], 4, 2))]


@pytest.mark.parametrize(("target", "window"), [(Target((1,)), 1), (Target((0, 3), (40, 41)), 3)])
def test_windows_and_targets_are_those_of_the_literal_procedure(
    llava: TransformersModel, picture: Image.Image, target: Target, window: int
) -> None:
    compare_with_the_literal_procedure(llava, picture, target, window)


def test_traces_are_those_of_the_literal_procedure(double: TransformersModel, picture: Image.Image) -> None:
    compare_with_the_literal_procedure(double, picture, Target((0, 2), (40, 41)), 2)


def compare_with_the_literal_procedure(
    model: TransformersModel, picture: Image.Image, target: Target, window: int
) -> None:
    answer = sampled(model, "the the dog", picture)
    group_of = {group.name: group.positions for group in groups(answer, token_targets_of(answer, target))}
    corruptions: tuple[Corruption, ...] = (
        Noise(group_of["image"], scale=2.0, samples=2),
        Noise(group_of["question"][1:], scale=1.0, samples=1, seed=7),
    )
    places = places_of(answer, target)
    for corruption in corruptions:
        passes = list(corrupted(model, answer, corruption, model.checkpointed(answer)))
        result = trace(model, answer, target, corruption, places, INSIDE, window)
        assert result.logprob.shape == (samples_of(corruption), 3, 3, len(places)) and result.complete == 1
        for sample, checkpoints in enumerate(passes):
            embedded = checkpoints.inputs[0]
            assert embedded is not None
            hurt = restored_literally(
                model, (answer, answer), target, embedded, Site.OUTPUT, range(0), Group("none", ())
            )
            assert result.corrupted_logprob[sample] == pytest.approx(hurt, abs=1e-4)
            for site, layer, place in ((0, 0, 0), (0, 2, 2), (1, 1, 1), (2, 0, 1), (2, 2, 3), (0, 1, -1)):
                layers = range(max(0, layer - window // 2), min(3, layer + (window + 1) // 2))
                expected = restored_literally(
                    model, (answer, answer), target, embedded, INSIDE[site], layers, places[place]
                )
                assert result.logprob[sample, site, layer, place] == pytest.approx(expected, abs=1e-4)
                assert result.indirect[sample, site, layer, place] == pytest.approx(expected - hurt, abs=1e-4)


def test_only_rows_after_the_image_are_computed_again(llava: TransformersModel, picture: Image.Image) -> None:
    answer, target = sampled(llava, "the the dog", picture), Target((2,))
    places = [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
    image, samples = places[0].positions, 4
    computed: list[tuple[int, int]] = []
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, args, given: computed.append((args[0] if args else given["hidden_states"]).shape[:2]),
            with_kwargs=True,
        )
        for layer in llava.network.get_decoder().layers
    ]
    result = trace(llava, answer, target, Noise(image, samples=samples), places)
    for hook in hooks:
        hook.remove()
    # A pass of each run, and once more for its keys and values; one layer more shows that it can be run on so.
    with_image = [sequences for sequences, rows in computed if rows >= len(answer.layout) - max(image)]
    assert sum(with_image) <= 3 * 2 * (samples + 1)
    assert result.complete == 1


def test_another_picture_is_repaired_as_in_the_literal_procedure(
    double: TransformersModel, picture: Image.Image
) -> None:
    answer, target = sampled(double, "the the dog", picture), Target((1,))
    other = OtherImages((picture.rotate(180),))
    places = places_of(answer, target)
    result = trace(double, answer, target, other, places, INSIDE)
    question = replace(answer.question, images=other.images)
    changed = replace(answer, inputs=double.prepare(question).inputs)
    embedded = eager_states(double, changed)[Site.INPUT, 0]
    for site, layer, place in ((0, 0, 0), (1, 1, 1), (2, 1, 0), (0, 2, 3)):
        expected = restored_literally(
            double, (answer, changed), target, embedded, INSIDE[site], range(layer, layer + 1), places[place]
        )
        assert result.logprob[0, site, layer, place] == pytest.approx(expected, abs=1e-4)
    assert abs(result.total[0]) > 1e-3


def test_everything_restored_is_clean_and_nothing_restored_is_corrupted(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer, target = sampled(model, "the the dog", picture), Target((2,))
    everything = Group("everything", tuple(range(len(answer.prompt_tokens) + 2)))
    _, question, *_ = groups(answer, token_targets_of(answer, target))
    untouched = Group("before the words", tuple(range(question.positions[0])))
    corruption = Noise(question.positions, scale=5.0, samples=2)
    result = trace(model, answer, target, corruption, [everything, untouched])
    np.testing.assert_allclose(result.logprob[..., 0], result.clean.logprob, atol=1e-4)
    np.testing.assert_allclose(result.probability[..., 0], result.clean.probability, atol=1e-4)
    np.testing.assert_allclose(result.indirect[..., 1], 0, atol=1e-5)
    unrestored = np.broadcast_to(result.corrupted_probability[:, None, None], result.probability.shape[:-1])
    np.testing.assert_allclose(result.probability[..., 1], unrestored, atol=1e-5)
    assert np.abs(result.total).max() > 1e-3 and len(set(result.corrupted_logprob.tolist())) == 2


def test_noise_has_its_scale_in_standard_deviations_of_what_it_is_laid_on(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "Where?", picture)
    clean = model.checkpointed(answer)
    positions = groups(answer, token_targets_of(answer, Target((0,))))[0].positions
    before = clean.states(0, Site.INPUT)
    own = before[list(positions)]
    for scale in (0.5, 3.0):
        drawn = []
        for checkpoints in corrupted(model, answer, Noise(positions, scale, samples=3, seed=1), clean):
            change = checkpoints.states(0, Site.INPUT) - before
            assert float(change[list(positions)].std() / own.std()) == pytest.approx(scale, rel=0.1)
            others = [row for row in range(len(change)) if row not in positions]
            assert not change[others].any()
            drawn.append(change)
        assert not torch.allclose(drawn[0], drawn[1])
        (again, *_) = corrupted(model, answer, Noise(positions, scale, samples=3, seed=1), clean)
        assert torch.equal(again.states(0, Site.INPUT) - before, drawn[0])


def test_patches_and_several_pictures(model: TransformersModel, picture: Image.Image) -> None:
    answer, target = sampled(model, "Is it?", picture, picture.resize((60, 90))), Target((0,))
    patches, rows, columns = patch_groups(answer, view=1, side=2)
    image = groups(answer, token_targets_of(answer, target))[0]
    result = trace(model, answer, target, Noise(image.positions, samples=1), patches)
    assert result.indirect[0, 0].reshape(3, rows, columns).shape == (3, rows, columns)
    assert np.isfinite(result.logprob).all()


def test_some_layers_alone_give_what_they_give_among_all(model: TransformersModel, picture: Image.Image) -> None:
    answer, target = sampled(model, "Is it?", picture), Target((0,))
    image = groups(answer, token_targets_of(answer, target))[0]
    noise = Noise(image.positions, samples=2)
    whole = trace(model, answer, target, noise, [image], INSIDE, 2)
    some = trace(model, answer, target, noise, [image], INSIDE, 2, layers=[2, 0])
    assert some.layers == (2, 0) and whole.layers == (0, 1, 2)
    np.testing.assert_allclose(some.logprob, whole.logprob[:, :, [2, 0]], atol=1e-5)
    with pytest.raises(NotApplicable, match="layers 0 to 2"):
        trace(model, answer, target, noise, [image], layers=[3])


def test_words_are_traced_without_a_picture_and_without_places(model: TransformersModel, picture: Image.Image) -> None:
    asked = sampled(model, "the the dog", picture), sampled(model, "Only words", tokens=1)
    expected = [self_traced(model, answer) for answer in asked]
    stranger = of_family(model, Undescribed("unknown"))
    for answer, values in zip(asked, expected, strict=True):
        np.testing.assert_allclose(self_traced(stranger, answer), values, atol=1e-4)


def self_traced(model: TransformersModel, answer: Answer) -> np.ndarray:
    """Noise on the question, and its words restored together with the predicting position or alone."""
    _, question, _, last, _ = groups(answer, token_targets_of(answer, Target((0,))))
    return trace(model, answer, Target((0,)), Noise(question.positions, samples=1), [question, last], INSIDE).logprob


def test_a_stop_keeps_what_is_done(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, cancel = sampled(llava, "Where?", picture), CancelToken()
    monkeypatch.setattr("core.perturb.outcomes.AT_ONCE", 2)
    image, *_ = groups(answer, token_targets_of(answer, Target((0,))))
    places = patch_groups(answer)[0][:4]
    part = trace(
        llava,
        answer,
        Target((0,)),
        Noise(image.positions, samples=2),
        places,
        cancel=cancel,
        progress=lambda done: cancel.cancel() if done > 0.6 else None,
    )
    assert 0.6 < part.complete < 1
    assert np.isfinite(part.logprob[0]).all() and np.isnan(part.logprob[1, 0, 2]).all()
    assert np.isfinite(part.logprob).mean() == pytest.approx(part.complete)
    with pytest.raises(Cancelled):
        trace(llava, answer, Target((0,)), Noise(image.positions), places, cancel=cancel)


def test_what_does_not_fit_is_refused(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, target = sampled(llava, "Where?", picture), Target((0,))
    image, *_ = groups(answer, token_targets_of(answer, target))
    noise = Noise(image.positions, samples=1)
    empty = Group("nothing", ())
    for corruption, places, sites, window, sentence in (
        (noise, [], INSIDE, 1, "groups of tokens"),
        (noise, [image], (), 1, "kinds of states"),
        (noise, [image], INSIDE, 4, "1 to 3 layers"),
        (noise, [empty], INSIDE, 1, "'nothing'"),
        (Noise(()), [image], INSIDE, 1, "Choose image tokens or words"),
        (Noise((len(answer.prompt_tokens),)), [image], INSIDE, 1, "bear on the target"),
        (Noise(image.positions, scale=0), [image], INSIDE, 1, "scale above 0"),
        (Noise(image.positions, samples=0), [image], INSIDE, 1, "at least one sample"),
        (OtherImages(()), [image], INSIDE, 1, "same tokens"),
        (OtherImages((picture, picture)), [image], INSIDE, 1, "same tokens"),
    ):
        with pytest.raises(NotApplicable, match=sentence):
            trace(llava, answer, target, corruption, places, sites, window)
    with pytest.raises(NotApplicable, match="same tokens"):
        trace(llava, sampled(llava, "Only words"), target, OtherImages((picture,)), [Group("first", (0,))])
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 1000)
    with pytest.raises(NotEnoughMemory, match="Causal tracing needs about"):
        trace(llava, answer, target, noise, [image])


def test_pictures_of_another_grid_are_refused(qwen: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(qwen, "Where?", picture)
    turned = OtherImages((picture.rotate(90, expand=True),))
    with pytest.raises(NotApplicable, match="same tokens"):
        trace(qwen, answer, Target((0,)), turned, [groups(answer, token_targets_of(answer, Target((0,))))[0]])


def test_nothing_stays_on_the_model(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture)
    before = model.replay_logits(answer)
    image, *_ = groups(answer, token_targets_of(answer, Target((0,))))
    trace(model, answer, Target((0,)), Noise(image.positions, samples=1), [image], INSIDE)
    assert torch.equal(model.replay_logits(answer), before)
    trace(model, answer, Target((0,)), OtherImages((picture.rotate(180),)), [image])
    assert sampled(model, "Where?", picture).token_ids == answer.token_ids


def test_a_network_that_adds_features_between_its_layers_is_told_apart(
    llava: TransformersModel, picture: Image.Image, tmp_path: Path
) -> None:
    for model, chained in ((llava, True), (load(save_deepstack(tmp_path)), False)):
        answer = sampled(model, "Where?", picture)
        image, *_ = groups(answer, token_targets_of(answer, Target((0,))))
        assert trace(model, answer, Target((0,)), Noise(image.positions, samples=1), [image]).chained == chained
