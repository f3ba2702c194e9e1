"""BLIP's encoder and decoder are read as one decoder over one sequence: it says and does what its three networks do."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, Target, TokenKind, Turn
from core.errors import ImageMissing, ModelUnavailable, NotApplicable, UnusableImage
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.corruption import Noise
from core.mechanisms.groups import groups
from core.mechanisms.tracing import trace
from core.vlm.edits import HeadAblation, Knockout, Site, StatePatch
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from core.vlm.replay import self_check
from core.vlm.targets import TokenTarget
from core.zoo.blip_oracle import BlipOracle
from core.zoo.checks import picture
from core.zoo.registry import recipes
from tests.zoo import load

LAYERS, ENCODER = 8, 4
WORDS = Decoding(max_new_tokens=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recipes()["blip"]().save(tmp_path_factory.mktemp("zoo") / "blip")


@pytest.fixture(scope="module")
def blip(folder: Path) -> TransformersModel:
    return load(folder)


@pytest.fixture(scope="module")
def own(folder: Path, blip: TransformersModel) -> BlipOracle:
    return BlipOracle(folder, blip.image_marker_ids)


@pytest.fixture(scope="module")
def answer(blip: TransformersModel) -> Answer:
    return ask(blip, Question("What is this cat?", picture(120, 80), decoding=WORDS))


@pytest.mark.parametrize(
    "question",
    [
        Question("What is this cat?", picture(120, 80), decoding=WORDS),
        Question("where", picture(30, 400, 1), decoding=WORDS),
        Question("And where is it?", picture(400, 30, 2), (Turn("what is it?", "a cat"),), WORDS),
        Question("a cat, or what's this? \N{UMBRELLA}", picture(60, 60, 4), decoding=WORDS),
        Question("is [SEP] or <image> here, [DEC]?", picture(60, 60, 3), decoding=WORDS),
    ],
)
def test_it_answers_as_generate(question: Question, blip: TransformersModel, own: BlipOracle) -> None:
    said = ask(blip, question)
    prompt, logprobs = own.generate(question)
    if "[SEP]" not in question.text:  # (what is typed stays text here)
        assert said.inputs["input_ids"][0].tolist() == prompt
        assert said.token_ids == tuple(logprobs.argmax(-1).tolist()[: len(said.tokens)])
        expected = [float(logprobs[index, token]) for index, token in enumerate(said.token_ids)]
        assert [token.logprob for token in said.tokens] == pytest.approx(expected, abs=1e-4)
    ids = said.inputs["input_ids"][0].tolist()
    assert [ids.count(token) for token in prompt[:18:17] + prompt[-2:]] == [17, 1, 1, 1]


def test_no_answer_depends_on_the_one_before(blip: TransformersModel) -> None:
    assert self_check(blip).negligible


def test_a_sequence_is_the_picture_the_question_and_the_answer(answer: Answer, blip: TransformersModel) -> None:
    layout = answer.layout
    assert layout.positions(TokenKind.IMAGE) == tuple(range(17))
    (view,) = layout.views
    assert (view.rows, view.columns, view.box, view.positions) == (4, 4, (0, 0, 120, 80), tuple(range(1, 17)))
    assert answer.prompt_tokens[17:] == ("[CLS]", "What", " is", " this", " cat", "?", "[SEP]", "[DEC]")
    assert [answer.prompt_tokens[p] for p in layout.positions(TokenKind.TEXT)] == ["What", " is", " this", " cat", "?"]
    assert (blip.card.layers, blip.card.without_attention) == (LAYERS, ())


def test_rows_are_there_where_a_layer_attends(answer: Answer, blip: TransformersModel, own: BlipOracle) -> None:
    _, weights = own.passed(answer)
    queries = list(range(len(answer.layout) - 1))
    rows = blip.attention_rows(answer, queries)[..., : len(queries)]
    for layer, whole in weights.items():
        read = whole[0].any(-1).all(0)
        assert bool(rows[layer][:, ~read].isnan().all())
        torch.testing.assert_close(rows[layer][:, read], whole[0][:, read], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ((18, 20), (1, 2, 3, 19)),  # words of the question, to patches and to another word
        (tuple(range(17, 24)), tuple(range(17))),  # all words, to the whole picture
        ((25, 26), (18, 19, 24)),  # the answer, to words and to what opened it
        ((24, 25, 26), tuple(range(17, 24))),  # the answer, to the whole question
    ],
)
def test_what_is_cut_has_no_weight(
    rows: tuple[int, ...], columns: tuple[int, ...], answer: Answer, blip: TransformersModel, own: BlipOracle
) -> None:
    clean, _ = own.passed(answer)
    cut, _ = own.passed(answer, blocked=(list(rows), list(columns)))
    knockout = Knockout(rows, columns)
    ours, nothing = blip.logits_with(answer, [(knockout,), ()])
    torch.testing.assert_close(nothing, clean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours, cut, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(cut, clean, atol=1e-3)
    # While it answers, too.
    with blip.edited((knockout,)):
        torch.testing.assert_close(blip.replay_logits(answer), cut, atol=1e-4, rtol=1e-4)
        first, _ = blip.begin(blip.prepare(answer.question), keep_attention=True)
        torch.testing.assert_close(first, cut[0], atol=1e-4, rtol=1e-4)


def test_states_of_another_run_can_be_put_in(answer: Answer, blip: TransformersModel, own: BlipOracle) -> None:
    """What the tower hands on of another picture makes it that picture; the encoded question of another run, too."""
    other = replace(answer.question, images=(picture(120, 80, 9),))
    inputs = {name: own.inputs(other)[name] for name in ("pixel_values", "input_ids")}
    with torch.no_grad():
        seen = own.network.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state
        encoded = own.network.text_encoder(input_ids=inputs["input_ids"], encoder_hidden_states=seen)
    expected, _ = own.passed(replace(answer, question=other))
    images, words = tuple(range(17)), tuple(range(17, 24))
    sets = [
        (StatePatch(Site.INPUT, 0, images, seen[0]),),
        (StatePatch(Site.INPUT, ENCODER, words, encoded.last_hidden_state[0]),),
        (StatePatch(Site.OUTPUT, ENCODER - 1, words, encoded.last_hidden_state[0]),),
    ]
    for logits in blip.logits_with(answer, sets):
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_a_head_that_is_ablated_hands_on_nothing(answer: Answer, blip: TransformersModel, own: BlipOracle) -> None:
    layer, head, size = 3, 2, 16  # the second layer of the encoder, across
    projection = own.network.text_encoder.encoder.layer[1].crossattention.output.dense

    def without(_: object, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        kept = given[0].clone()
        kept[..., head * size : (head + 1) * size] = 0
        return (kept,)

    hook = projection.register_forward_pre_hook(without)
    expected, _ = own.passed(answer)
    hook.remove()
    (ours,) = blip.logits_with(answer, [(HeadAblation(((layer, head),)),)])
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def test_relevancy_and_gradients_are_the_literal_ones(answer: Answer, folder: Path, own: BlipOracle) -> None:
    """Chefer et al. 2021, equations 5, 6 and 10, over the one sequence, and input x gradient, in float64."""
    double = load(folder)
    double.network.double()
    literal = BlipOracle(folder, double.image_marker_ids)
    literal.network.double()
    index = 2
    inputs = {**answer.inputs, "pixel_values": answer.inputs["pixel_values"].double()}
    answered = replace(answer, inputs=inputs)
    logits, weights = literal.passed(answered, grad=True)
    logits[index, answer.token_ids[index]].backward()
    size, at = len(answer.layout) - 1, len(answer.prompt_tokens) - 1 + index
    whole = torch.eye(size, dtype=torch.float64)
    rolled = torch.eye(size, dtype=torch.float64)
    for attention in weights.values():
        assert attention.grad is not None
        whole = whole + (attention.detach() * attention.grad)[0].clamp(min=0).mean(0) @ whole
        mean = attention.detach()[0].mean(0)
        mean[mean.sum(-1) == 0] = torch.eye(size, dtype=torch.float64)[mean.sum(-1) == 0]
        rolled = (mean + torch.eye(size, dtype=torch.float64)) / 2 @ rolled
    methods = explainers()
    settings = methods["relevancy"].Settings(through_tower=False)
    (map_,) = explain(methods["relevancy"], double, answered, [Target((index,))], settings)
    torch.testing.assert_close(torch.as_tensor(map_.scores)[:size], whole[at].float(), atol=1e-6, rtol=1e-4)
    assert float(whole[at, 1:17].max()) > 0
    (map_,) = explain(methods["rollout"], double, answered, [Target((index,))])
    torch.testing.assert_close(torch.as_tensor(map_.scores)[:size], rolled[at].float(), atol=1e-6, rtol=1e-4)
    picture_states = literal.network.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state.detach()
    picture_states.requires_grad_()
    question = literal.network.text_encoder(
        input_ids=inputs["input_ids"][:, 17:24], encoder_hidden_states=picture_states
    ).last_hidden_state
    written = torch.tensor([[*inputs["input_ids"][0, 24:].tolist(), *answer.token_ids[:-1]]])
    said = literal.network.text_decoder(input_ids=written, encoder_hidden_states=question).logits
    (gradient,) = torch.autograd.grad(said[0, index, answer.token_ids[index]], picture_states)
    (map_,) = explain(methods["input_gradient"], double, answered, [Target((index,))])
    expected = (gradient * picture_states.detach())[0].sum(-1).float()
    torch.testing.assert_close(torch.as_tensor(map_.scores)[:17], expected, atol=1e-6, rtol=1e-4)


def test_causal_tracing_restores_what_noise_took(answer: Answer, blip: TransformersModel) -> None:
    """The published experiment: noise on what is read of the picture, and states put back layer by layer."""
    index = 1
    places = [group for group in groups(answer, [TokenTarget(index, answer.token_ids[index])]) if group.positions]
    image = next(group for group in places if group.name == "image")
    traced = trace(blip, answer, Target((index,)), Noise(tuple(range(17)), samples=2), [image])
    # Before the encoder's last look at the picture, clean patches give all of it back; after it, nothing.
    back = traced.indirect[:, 0, :, 0] / traced.total[:, None]
    assert back[:, 0] == pytest.approx([1, 1], abs=0.4)
    assert back[:, ENCODER - 1 :] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("relative_attention", "nothing that answers looks at the picture itself"),
        ("attention_times_tower", "nothing that answers looks at the picture itself"),
        ("grad_cam", "Choose a smaller depth"),
        ("token_activation_map", "leave the image tokens as they are"),
        ("logprob_increase", "attends at some of its positions only"),
    ],
)
def test_what_would_say_nothing_is_refused(method: str, why: str, answer: Answer, blip: TransformersModel) -> None:
    with pytest.raises(NotApplicable, match=why):
        explain(explainers()[method], blip, answer, [Target((1,))])


def test_it_takes_one_picture_and_answers_questions_alone(
    blip: TransformersModel, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ImageMissing):
        blip.prepare(Question("what is it?"))
    with pytest.raises(UnusableImage, match="1 picture at a time"):
        blip.prepare(Question("what is it?", (Image.new("RGB", (60, 60)), Image.new("RGB", (60, 60)))))


def test_a_blip_of_another_task_is_refused_by_what_it_does(folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "other"))
    for architecture, said in (
        ("BlipForConditionalGeneration", "writes captions.*blip-vqa-base"),
        ("BlipForImageTextRetrieval", "how well a text fits"),
        (None, "does not say that it answers questions"),
    ):
        config = json.loads((folder / "config.json").read_text())
        config["architectures"] = [architecture] if architecture else None
        (copied / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelUnavailable, match=said):
            load_model(ModelSpec(str(copied), device="cpu"))
