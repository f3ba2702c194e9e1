"""What goes between and after the layers of a decoder is read as it is, or refused: norms by any name, several streams
of states, and keys and values that later layers read (the kind of Gemma 4)."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import transformers
from PIL import Image

from core.answer import Answer, Decoding, Question
from core.errors import NotApplicable
from core.explainers._kept_layers import KeptLayers
from core.explainers.relevancy import Relevancy
from core.explainers.rollout import Rollout
from core.explainers.run import explain
from core.vlm.edits import HeadAblation, Knockout, Site, StatePatch
from core.vlm.generation import ask
from core.vlm.hf.capture import NAME
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.replay import replay_difference
from core.vlm.targets import token_targets_of, whole_answer
from tests import literal
from tests.eager import sampled
from tests.zoo import load
from tests.zoo_hybrid import SHARING, save_convolutional, save_streams

FIVE = Decoding(max_new_tokens=5)
REFUSED = "cannot be read in the vocabulary|no single state can be read"


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(save_convolutional(tmp_path_factory.mktemp("convolutional")))


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(save_streams(tmp_path_factory.mktemp("streams")))


@pytest.fixture(scope="module")
def gemma4(llava: TransformersModel) -> TransformersModel:
    """The network of a Gemma 4, whose layers 2 and 3 read keys and values of layers 0 and 1, asked with words alone."""
    vocabulary = llava.card.vocabulary
    text = {
        "vocab_size": vocabulary,
        "vocab_size_per_layer_input": vocabulary,
        "hidden_size_per_layer_input": 8,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_attention_heads": 4,
        "global_head_dim": 16,
        **SHARING,
    }
    torch.manual_seed(0)
    config = transformers.Gemma4Config(text_config=text, vision_config=None, audio_config=None, image_token_id=4)
    network = transformers.Gemma4ForConditionalGeneration._from_config(
        config, attn_implementation={"text_config": NAME}
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0 if parameter.ndim > 1 else 1.0)
    return TransformersModel(network, llava.processor, Undescribed("gemma4"), replace(llava.card, layers=4))


def test_states_of_the_last_layer_are_read_as_the_prediction_whatever_the_norm_is_called(
    convolutional: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(convolutional, "Where?", picture)
    states = convolutional.checkpointed(answer).final[len(answer.prompt_tokens) - 1 :]
    torch.testing.assert_close(convolutional.unembed(states), convolutional.replay_logits(answer), atol=1e-5, rtol=1e-4)


def test_states_in_several_streams_are_refused_wherever_they_are_read(
    streams: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(streams, "Where?", picture)
    patch = StatePatch(Site.INPUT, 1, (3,), torch.zeros(1, streams.card.hidden))
    for read in (
        lambda: streams.unembed(torch.zeros(1, streams.card.hidden)),
        lambda: streams.unembedding(),
        lambda: streams.checkpointed(answer).final,
        lambda: streams.checkpointed(answer).recompute(0),
        lambda: streams.logits_with(answer, [(patch,)]),
    ):
        with pytest.raises(NotApplicable, match=REFUSED):
            read()


def test_heads_and_keys_are_taken_away_where_states_cannot_be_read(
    streams: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(streams, "Where?", picture)
    edits = [(), (HeadAblation(((1, 2),)),), (Knockout(tuple(range(len(answer.layout))), (2, 3)),)]
    logits = streams.logits_with(answer, edits)
    torch.testing.assert_close(logits[0], streams.replay_logits(answer))
    for row, changed in zip(edits, logits, strict=True):
        with streams.edited(row):
            checkpoints = streams.checkpointed(answer)
            torch.testing.assert_close(changed, streams.replay_logits(answer))
        (again,) = streams.logits_with(answer, [()], checkpoints)
        torch.testing.assert_close(changed, again)
    assert not torch.allclose(logits[0], logits[1]) and not torch.allclose(logits[0], logits[2])


def whole_logits(model: TransformersModel, answer: Answer) -> torch.Tensor:
    """The logits [answer vocabulary] of a pass that was asked for all of them."""
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids])], 1)
    with torch.no_grad():
        logits: torch.Tensor = model.network(input_ids=ids, use_cache=False).logits[0]
    return logits[len(answer.prompt_tokens) - 1 : -1]


def test_logits_come_from_the_end_where_a_number_of_them_would_prune_the_layers(gemma4: TransformersModel) -> None:
    answer = ask(gemma4, Question("Where is the dog, and what is it?", decoding=FIVE))
    torch.testing.assert_close(gemma4.replay_logits(answer), whole_logits(gemma4, answer), atol=1e-5, rtol=1e-4)
    assert replay_difference(gemma4, answer) < 1e-5


def test_layers_that_read_the_keys_of_others_are_run_again_from_the_start(gemma4: TransformersModel) -> None:
    answer = ask(gemma4, Question("Where is the dog, and what is it?", decoding=FIVE))
    checkpoints = gemma4.checkpointed(answer)
    patch = StatePatch(Site.OUTPUT, 2, (3, 4), torch.ones(2, gemma4.card.hidden))
    edits = [(HeadAblation(((0, 1), (3, 2))),), (Knockout((12, 13, 14), (2, 3), frozenset({1, 3})),), (patch,)]
    for row, changed in zip(edits, gemma4.logits_with(answer, edits, checkpoints), strict=True):
        with gemma4.edited(row):
            torch.testing.assert_close(changed, gemma4.replay_logits(answer), atol=1e-5, rtol=1e-4)
    for layer in range(4):
        with checkpoints.recompute(layer, grad=False) as recomputed:
            expected = checkpoints.final if layer == 3 else checkpoints.inputs[layer + 1]
            torch.testing.assert_close(recomputed.output, expected, atol=1e-5, rtol=1e-4)


def literal_pass(model: TransformersModel, answer: Answer) -> literal.Pass:
    """One whole pass of words alone in float64, every matrix in its graph."""
    network = copy.deepcopy(model.network).double()
    network.set_attn_implementation({"": "eager", "text_config": literal.NAME})
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids[:-1]])], 1)
    literal.kept.clear()
    logits = network(input_ids=ids, use_cache=False).logits[0]
    attentions = [weights for _, weights, _ in literal.kept]
    literal.kept.clear()
    return literal.Pass(logits, attentions, [], None, None)


def test_relevancy_follows_gradients_through_the_keys_that_layers_share(gemma4: TransformersModel) -> None:
    answer = ask(gemma4, Question("Where is the dog, and what is it?", decoding=FIVE))
    target, whole = whole_answer(answer), literal_pass(gemma4, answer)
    maps = [literal.relevancy(whole, answer, one) for one in token_targets_of(answer, target)]
    (relevancy,) = explain(Relevancy(), gemma4, answer, [target])
    torch.testing.assert_close(relevancy.scores.double(), torch.stack(maps).mean(0), atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("room", [0, 10**9])
def test_what_is_computed_from_other_embeddings_is_refused_where_layers_share_keys(
    gemma4: TransformersModel, room: int
) -> None:
    answer = ask(gemma4, Question("Where is the dog?", decoding=FIVE))
    checkpoints = gemma4.checkpointed(answer)
    assert checkpoints.inputs[0] is not None
    with pytest.raises(NotApplicable, match="keys and values of other layers"):
        list(KeptLayers(checkpoints, room).up(2 * checkpoints.inputs[0]))
    (rollout,) = explain(Rollout(), gemma4, answer, [whole_answer(answer)])
    assert rollout.scores.isfinite().all()
