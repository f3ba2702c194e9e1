"""Maps of a model that forgets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from core.answer import Answer, Explanation, Target
from core.errors import NotEnoughMemory, OtherModel
from core.evidence.randomisation import randomise
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.maps.agreement import agreement
from core.vlm import memory_costs
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled


def explained(model: TransformersModel, answer: Answer, *methods: str) -> list[Explanation]:
    return [explain(explainers()[key], model, answer, [Target((1,))])[0] for key in methods]


def test_only_what_knows_the_model_changes_with_it(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=3)
    methods = ("random", "centre_bias", "raw_attention", "relevancy")
    by_method = {row.method: row for row in randomise(model, answer, explained(model, answer, *methods))}
    blocks = [name for _, name, _ in model.shuffled(0)]
    assert all([stage.block for stage in row.stages] == blocks for row in by_method.values())
    assert all(row.complete == 1 for row in by_method.values())
    for control in ("random", "centre_bias"):
        assert [stage.correlation for stage in by_method[control].stages] == pytest.approx([1.0] * len(blocks))
    for method in ("raw_attention", "relevancy"):
        assert abs(by_method[method].stages[-1].correlation) < 0.9


def test_each_stage_is_the_method_on_the_shuffled_model(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=3)
    (original,) = explained(llava, answer, "raw_attention")
    (randomised,) = randomise(llava, answer, [original], seed=4)
    for (_, _, twin), stage in zip(llava.shuffled(4), randomised.stages, strict=True):
        rows = twin.attention_rows(answer, [len(answer.prompt_tokens)])[:, :, 0].mean((0, 1))
        images = list(answer.layout.views[0].positions)
        expected = agreement(original.scores[images].numpy(), rows[images].numpy()).rank
        assert stage.correlation == pytest.approx(expected, abs=1e-6)


def test_some_stages_end_with_the_last(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=3)
    maps = explained(llava, answer, "raw_attention")
    (every,), (two,) = randomise(llava, answer, maps), randomise(llava, answer, maps, stages=2)
    assert len(two.stages) == 2
    assert two.stages[-1] == every.stages[-1]
    assert two.stages[0] in every.stages


def test_answers_without_a_picture_are_compared_on_their_words(model: TransformersModel) -> None:
    answer = sampled(model, "the the dog is a dog?", tokens=3)
    (randomised,) = randomise(model, answer, explained(model, answer, "raw_attention"), stages=2)
    assert -1 <= randomised.stages[-1].correlation < 0.95


def test_a_stop_keeps_the_stages_done(llava: TransformersModel, picture: Image.Image) -> None:
    answer, token = sampled(llava, "the the dog?", picture, tokens=3), CancelToken()
    maps = explained(llava, answer, "raw_attention")

    def stop(done: float) -> None:
        if done > 0.4:
            token.cancel()

    (randomised,) = randomise(llava, answer, maps, cancel=token, progress=stop)
    assert 0.4 < randomised.complete < 0.7
    assert len(randomised.stages) == round(randomised.complete * len(list(llava.shuffled(0))))
    with pytest.raises(Cancelled):
        randomise(llava, answer, maps, cancel=token)


def test_a_copy_that_does_not_fit_and_another_models_answer_are_refused(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=3)
    maps = explained(llava, answer, "raw_attention")
    with pytest.raises(OtherModel):
        randomise(llava, replace(answer, model="another"), maps)
    monkeypatch.setattr(memory_costs, "available_bytes", lambda device: 1000)
    with pytest.raises(NotEnoughMemory, match="copy of the model"):
        randomise(llava, answer, maps)
