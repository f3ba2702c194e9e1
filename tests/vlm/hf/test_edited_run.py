"""Edits of a decoder against eager passes in which the same is written out by hand."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind
from core.errors import NotApplicable
from core.vlm.edits import Edits, HeadAblation, Knockout, Site, StatePatch, StateShift
from core.vlm.generation import ask
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.recompute import recording_layers
from tests.eager import eager_logits_with, eager_network, sampled
from tests.families import saver
from tests.hooks import hooks_of
from tests.zoo import load, of_family, save_llava, save_qwen

SAVED: dict[str, Callable[[Path], Path]] = {
    "llava": save_llava,
    "qwen": save_qwen,
    "sliding window": lambda folder: save_llava(folder, model_type="mistral", num_key_value_heads=2, sliding_window=8),
    "fused projection": lambda folder: save_llava(folder, model_type="phi3", num_key_value_heads=2),
    "capped scores": lambda folder: save_llava(
        folder, model_type="gemma2", num_key_value_heads=2, head_dim=16, sliding_window=12, attn_logit_softcapping=1.0
    ),
}
NEAR = {"atol": 2e-4, "rtol": 1e-4}


@pytest.fixture(scope="module", params=list(SAVED))
def any_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A model of each kind of decoder in turn."""
    return load(SAVED[request.param](tmp_path_factory.mktemp("network")))


def noise(rows: int, seed: int = 0) -> torch.Tensor:
    """States that no model would have."""
    return torch.randn(rows, 64, generator=torch.Generator().manual_seed(seed))


def sets_of(answer: Answer) -> list[Edits]:
    """Nothing; each kind of edit, at the picture, the words and after them; and several at once."""
    prompt, length = len(answer.prompt_tokens), len(answer.layout)
    image, words = answer.layout.positions(TokenKind.IMAGE), answer.layout.positions(TokenKind.TEXT)
    last, early = (prompt - 1,), (image or words)[2:5]
    last_sees_no_picture = Knockout(last, image or words[:1], frozenset({1, 2}))
    nobody_sees_words = Knockout(tuple(range(length)), words)
    output = HeadAblation(((0, 1), (2, 3), (0, 0)), noise(3)[:, :16])
    return [
        (),
        (last_sees_no_picture,),
        (nobody_sees_words,),
        (last_sees_no_picture, nobody_sees_words, Knockout(words, words[-1:], frozenset({0}))),
        (HeadAblation(((1, 2),)),),
        (output,),
        (HeadAblation(tuple((layer, head) for layer in range(3) for head in range(4))),),
        *((StatePatch(site, 1, early, noise(3)),) for site in Site),
        *((StatePatch(site, 2, last, noise(1)),) for site in Site),
        *((StateShift(site, 1, early, noise(1)[0]),) for site in Site),
        *((StateShift(site, 2, last, 3 * noise(1)[0], onward=True),) for site in Site),
        (StateShift(Site.INPUT, 1, last, noise(1)[0]), StateShift(Site.OUTPUT, 1, (prompt,), noise(1, 4)[0])),
        (StatePatch(Site.MLP, 1, last, noise(1)), StateShift(Site.MLP, 1, last, noise(1, 1)[0]), output),
        (StatePatch(Site.INPUT, 0, (prompt, 1), noise(2)), StatePatch(Site.MLP, 1, last, noise(1)), output),
        (StatePatch(Site.INPUT, 1, words[:1], noise(1)), nobody_sees_words, HeadAblation(((2, 0),))),
    ]


def test_edited_answers_are_those_of_an_eager_pass_edited_by_hand(
    any_model: TransformersModel, picture: Image.Image
) -> None:
    for answer in (
        sampled(any_model, "Where is the the the dog?", picture),
        sampled(any_model, "Is it?", picture, picture.resize((60, 90)), tokens=2),
        sampled(any_model, "Only the words", tokens=3),
    ):
        sets = sets_of(answer)
        for edits, logits in zip(sets, any_model.logits_with(answer, sets), strict=True):
            expected = eager_logits_with(any_model, answer, edits)
            torch.testing.assert_close(logits, expected.float(), **NEAR)


def test_one_set_alone_starts_late_and_gives_the_same(any_model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(any_model, "Where is the dog?", picture, tokens=2)
    sets = sets_of(answer)
    together = any_model.logits_with(answer, sets)
    for edits, expected in zip(sets, together, strict=True):
        torch.testing.assert_close(any_model.logits_with(answer, [edits])[0], expected, **NEAR)


def test_nothing_changes_nothing(any_model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(any_model, "Where is the dog?", picture)
    nothing: list[Edits] = [(), (Knockout((), (1, 2)),), (Knockout((3, 4), ()),), (HeadAblation(()),)]
    nothing.append((StatePatch(Site.MLP, 1, (), noise(0)),))
    nothing.append((StateShift(Site.MLP, 1, (), noise(1)[0], onward=True),))
    nothing.append((StateShift(Site.MLP, 1, (3, 4), torch.zeros(64)),))
    for logits in any_model.logits_with(answer, nothing):
        torch.testing.assert_close(logits, any_model.replay_logits(answer), atol=1e-5, rtol=1e-5)


def test_knocking_out_all_that_came_before_is_deleting_it(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the the dog?", picture)
    prompt, length = len(answer.prompt_tokens), len(answer.layout)
    first = answer.layout.positions(TokenKind.IMAGE)[-1] + 2
    cut = Knockout(tuple(range(first, length)), tuple(range(first)))
    before = model.family.positions(model._passes.context_of(answer))
    assert before is not None
    after = (int(before.max()) + 1 + torch.arange(len(answer.tokens))).expand(len(before), -1)
    positions = torch.cat([before, after], 1)[:, first:]
    ids = torch.cat([answer.inputs["input_ids"][0], torch.tensor(answer.token_ids)])[None, first:]
    with torch.no_grad():
        deleted = eager_network(model.card.source)(
            input_ids=ids, position_ids=positions if len(positions) == 1 else positions[:, None], use_cache=False
        ).logits[0, prompt - 1 - first : -1]
    (logits,) = model.logits_with(answer, [(cut,)])
    torch.testing.assert_close(logits, deleted.float(), **NEAR)


def test_no_head_of_a_layer_is_no_attention(any_model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(any_model, "Where?", picture)
    every = tuple(range(len(answer.layout) - 1))
    heads: Edits = (HeadAblation(tuple((1, head) for head in range(4))),)
    attention: Edits = (StatePatch(Site.ATTENTION, 1, every, torch.zeros(len(every), 64)),)
    first, second = any_model.logits_with(answer, [heads, attention])
    torch.testing.assert_close(first, second, **NEAR)


def test_a_family_that_shares_no_prefix_is_read_whole(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    over_prefix = [model.logits_with(answer, [edits])[0] for edits in sets_of(answer)]
    undescribed = of_family(model, Undescribed("unknown"))
    for first, second in zip(over_prefix, undescribed.logits_with(answer, sets_of(answer)), strict=True):
        torch.testing.assert_close(first, second, **NEAR)


def test_small_batches_change_nothing(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    expected = model.logits_with(answer, sets_of(answer))
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 0)
    assert model.edits_at_once(answer) == 1
    for logits, other in zip(model.logits_with(answer, sets_of(answer)), expected, strict=True):
        torch.testing.assert_close(logits, other, **NEAR)


def test_a_checkpointed_pass_of_an_edited_pass_is_run_on_from(
    any_model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(any_model, "Where is the dog?", picture)
    clean = any_model.checkpointed(answer)
    image = answer.layout.positions(TokenKind.IMAGE)
    corruption: Edits = (StatePatch(Site.INPUT, 0, image, noise(len(image))),)
    with any_model.edited(corruption):
        corrupted = any_model.checkpointed(answer)
    repairs: list[Edits] = [()]
    for site in Site:
        states = clean.states(1, site)[:-1]
        repairs.append((StatePatch(site, 1, tuple(range(len(states))), states),))
        repairs.append((StatePatch(site, 1, image[:2], states[list(image[:2])]),))
    for edits, logits in zip(repairs, any_model.logits_with(answer, repairs, corrupted), strict=True):
        expected = eager_logits_with(any_model, answer, (*corruption, *edits))
        torch.testing.assert_close(logits, expected.float(), **NEAR)


def test_states_at_each_site_are_those_of_the_pass(any_model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(any_model, "Where?", picture)
    checkpoints = any_model.checkpointed(answer)
    torch.testing.assert_close(checkpoints.states(1, Site.OUTPUT), checkpoints.states(2, Site.INPUT), **NEAR)
    torch.testing.assert_close(checkpoints.states(2, Site.OUTPUT), checkpoints.final, **NEAR)
    everywhere = tuple(range(len(checkpoints.final)))
    for site in Site:
        same: Edits = (StatePatch(site, 1, everywhere, checkpoints.states(1, site)),)
        torch.testing.assert_close(any_model.logits_with(answer, [same])[0], any_model.replay_logits(answer), **NEAR)


def test_an_answer_is_written_anew_under_edits(any_model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where is the dog?", (picture,), decoding=Decoding(max_new_tokens=5))
    unedited = ask(any_model, question)
    for edits in sets_of(unedited):
        with any_model.edited(edits):
            answer = ask(any_model, question)
        logprobs = eager_logits_with(any_model, answer, edits).log_softmax(-1)
        assert logprobs.argmax(-1).tolist() == list(answer.token_ids)
        written = torch.tensor([token.logprob for token in answer.tokens])
        torch.testing.assert_close(written, logprobs.max(-1).values.float(), **NEAR)
        again = ask(any_model, question)
        assert again.token_ids == unedited.token_ids
        assert max(abs(a.logprob - b.logprob) for a, b in zip(unedited.tokens, again.tokens, strict=True)) < 1e-4


def test_what_edits_leave_as_it_is_is_not_read_again(model: TransformersModel, picture: Image.Image) -> None:
    model.forget()
    model.attention_seen()  # (which is looked up once, by a pass of its own)
    question = Question("Where is the dog?", (picture,), decoding=Decoding(max_new_tokens=2))
    answer = ask(model, question)
    late = Knockout(tuple(range(len(answer.prompt_tokens) - 1, 99)), answer.layout.positions(TokenKind.IMAGE))
    with counting(model) as rows:
        for edits in ((late,), (HeadAblation(((0, 0),)),)):
            with model.edited(edits):
                ask(model, question)
    whole, kept = len(answer.prompt_tokens), model.prepare(question).shared
    assert [count for layer, count in rows if not layer] == [whole - kept, 1, whole, 1]


def test_only_layers_and_rows_that_edits_touch_are_run(any_model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(any_model, "Where is the dog?", picture)
    checkpoints = any_model.checkpointed(answer)
    late, whole = (StatePatch(Site.MLP, 1, (30,), noise(1)),), len(checkpoints.final)
    any_model.unembed(checkpoints.final)  # what the network does after its head is found out once, by a short pass
    with counting(any_model) as rows:
        any_model.logits_with(answer, [late], checkpoints)
    assert rows == [(1, whole), (2, whole)]
    # Again and again, it is worth keeping what stands before.
    any_model.logits_with(answer, [late] * 3, checkpoints)
    with counting(any_model) as rows:
        any_model.logits_with(answer, [late, ()], checkpoints)
    assert rows == [(1, whole - 30), (2, whole - 30)]


@contextlib.contextmanager
def counting(model: TransformersModel) -> Iterator[list[tuple[int, int]]]:
    """Each call of a decoder layer: its number, and how many rows it had."""
    rows: list[tuple[int, int]] = []
    with contextlib.ExitStack() as hooks:
        for index, layer in enumerate(model.network.get_decoder().layers):

            def count(_: Any, args: Any, output: Any, index: int = index) -> None:
                rows.append((index, args[0].shape[1]))

            hooks.callback(layer.register_forward_hook(count).remove)
        yield rows


def test_layers_that_cannot_be_called_for_some_rows_are_called_for_all(
    any_model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(any_model, "Where is the dog?", picture)
    sets = [edits for edits in sets_of(answer) if edits]
    divided = [any_model.logits_with(answer, [edits])[0] for edits in sets]
    monkeypatch.setattr("core.vlm.hf.edited_run._after", lambda value, first, rows: value)
    checkpoints = any_model.checkpointed(answer)
    with counting(any_model) as rows:
        whole = [any_model.logits_with(answer, [edits], checkpoints)[0] for edits in sets]
    assert {count for _, count in rows} == {len(checkpoints.final)}
    for first, second in zip(divided, whole, strict=True):
        torch.testing.assert_close(first, second, **NEAR)


@pytest.mark.parametrize("name", ["ernie4_5_vl_moe", "qwen4_exp"])
def test_layers_that_cannot_be_called_for_several_sequences_are_called_for_one_after_the_other(
    name: str, picture: Image.Image, tmp_path: Path
) -> None:
    model = load(saver(name)(tmp_path))
    answer = ask(model, Question("Is it?", (picture,), decoding=Decoding(max_new_tokens=3)))
    image, last = answer.layout.positions(TokenKind.IMAGE), len(answer.prompt_tokens) - 1
    sets: list[Edits] = [(), (Knockout((last,), image),), (Knockout((last,), image[:4], frozenset({1})),)]
    for edits, logits in zip(sets, model.logits_with(answer, sets), strict=True):
        with model.edited(edits):
            torch.testing.assert_close(logits, model.replay_logits(answer), **NEAR)


def test_a_network_with_something_between_its_layers_is_run_from_the_start(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    image = answer.layout.positions(TokenKind.IMAGE)
    corruption: Edits = (StatePatch(Site.INPUT, 0, image, noise(len(image))),)
    with model.edited(corruption):
        checkpoints = model.checkpointed(answer)
    expected = model.logits_with(answer, sets_of(answer), checkpoints)
    checkpoints._layer_inputs.chained = False  # type: ignore[attr-defined]
    for anew, logits in zip(model.logits_with(answer, sets_of(answer), checkpoints), expected, strict=True):
        torch.testing.assert_close(anew, logits, **NEAR)


def test_edits_in_edits_add_up(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    sets = sets_of(answer)
    (both,) = model.logits_with(answer, [(*sets[1], *sets[4])])
    with model.edited(sets[1]), model.edited(sets[4]):
        torch.testing.assert_close(model.replay_logits(answer), both, **NEAR)
    with model.edited(sets[4]):
        torch.testing.assert_close(model.logits_with(answer, [sets[1]])[0], both, **NEAR)


def test_nothing_is_left_behind_an_error_or_seen_by_another_thread(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    expected, hooks = model.replay_logits(answer), hooks_of(model)
    elsewhere: list[torch.Tensor] = []

    def replay() -> None:
        elsewhere.append(model.replay_logits(answer))

    for edits in sets_of(answer)[1:]:
        with pytest.raises(ZeroDivisionError), model.edited(edits):
            other = threading.Thread(target=replay)
            other.start()
            other.join()
            assert not torch.allclose(model.replay_logits(answer), expected, atol=1e-4)
            raise ZeroDivisionError
        assert torch.equal(model.replay_logits(answer), expected)
        assert torch.equal(elsewhere.pop(), expected)
    wrong_width: Edits = (StatePatch(Site.MLP, 1, (1,), torch.zeros(1, 3)), *sets_of(answer)[-2])
    with pytest.raises(RuntimeError):
        model.logits_with(answer, [wrong_width])
    assert hooks_of(model) == hooks
    assert torch.equal(model.replay_logits(answer), expected)


def test_what_is_not_there_cannot_be_edited(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture)
    length = len(answer.layout)
    for edit, sentence in (
        (Knockout((1,), (0,), frozenset({3})), "layers 0 to 2"),
        (HeadAblation(((-1, 0),)), "layers 0 to 2"),
        (HeadAblation(((0, 4),)), "heads 0 to 3"),
        (StatePatch(Site.MLP, 3, (0,), noise(1)), "layers 0 to 2"),
        (Knockout((length,), (0,)), f"0 to {length - 1}"),
        (Knockout((1,), (-1,)), f"0 to {length - 1}"),
        (StatePatch(Site.INPUT, 0, (length,), noise(1)), f"0 to {length - 1}"),
        (StateShift(Site.MLP, 3, (0,), noise(1)[0]), "layers 0 to 2"),
        (StateShift(Site.INPUT, 0, (length,), noise(1)[0]), f"0 to {length - 1}"),
        (StatePatch(Site.INPUT, 0, (1,), noise(2)), "one state for each position"),
        (HeadAblation(((0, 0),), noise(2)), "one output for each head"),
    ):
        with pytest.raises(ValueError, match=sentence):
            model.logits_with(answer, [(edit,)])
    with pytest.raises(ValueError, match="outside the sequence"), model.edited((Knockout((1,), (-1,)),)):
        pass
    with pytest.raises(ValueError, match="first row"):
        model.logits_with(
            answer, [(HeadAblation(((0, 0),)),)], model.checkpointed(answer, len(answer.prompt_tokens) - 1)
        )
    assert model.logits_with(answer, []) == []


def test_a_layer_without_a_known_part_is_said_to_have_none(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Where?", picture)

    class Odd(Undescribed):
        mlp_names = ("wide",)

    undescribed = of_family(llava, Odd("unknown"))
    edits: Edits = (StatePatch(Site.MLP, 0, (1,), noise(1)),)
    with pytest.raises(NotApplicable, match="no part that is known to be its mlp"):
        undescribed.logits_with(answer, [edits])
    with pytest.raises(NotApplicable, match="no part"), undescribed.edited(edits):
        pass
    assert len(undescribed.logits_with(answer, [(StatePatch(Site.ATTENTION, 0, (1,), noise(1)),)])) == 1


def test_layers_with_something_between_them_are_noticed() -> None:
    layers = [torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)]
    for between, chained in ((0.0, True), (1.0, False)):
        with recording_layers(layers, torch.device("cpu")) as inputs:
            layers[1](layers[0](torch.ones(1, 2, 4)) + between)
        assert inputs.chained == chained
