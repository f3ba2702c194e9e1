"""Tokenizer, labels, packing and resuming: what training rests on, each against an independent oracle."""

import itertools
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.street.architecture import GRID, PATCH, build_model
from core.street.batches import PREFIX, SEGMENT, TRAINING_SEEDS, DenseBatches, Encoder, JointBatches, TextBatches
from core.street.draw import draw
from core.street.facts import FACTS, NOUNS, facts_of
from core.street.forward import joint_states
from core.street.labels import HEADS, IGNORE, PART_NAMES, dense_labels
from core.street.questions import Pair
from core.street.scene import COLORS, KINDS, match_colors, sample
from core.street.stages import learning_rate
from core.street.tokenizer import train_tokenizer
from core.street.train import Recipe, Training, corpus


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(corpus(0, scenes=400))


@pytest.fixture(scope="module")
def encoder(tokenizer) -> Encoder:
    return Encoder(tokenizer)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="▁", exclude_categories=["Cs"]), max_size=60))
def test_any_text_survives_the_tokenizer(tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]) == text


def test_frequent_words_are_one_token_and_rarer_ones_several(tokenizer) -> None:
    def length(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    assert all(length(f" {color}") == 1 for color in COLORS)
    assert length(" visible") > 1 and length(" four") > 1


def test_the_chat_template_writes_what_training_reads(tokenizer, encoder: Encoder) -> None:
    from core.street.questions import Pair

    pairs = [Pair("", "What color is the dog?", "The dog is red."), Pair("", "Is there a cat?", "No, there is no cat.")]
    messages = []
    for pair in pairs:
        messages.append({"role": "user", "content": [{"type": "text", "text": pair.question}]})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": pair.answer}]})
    written = tokenizer.apply_chat_template(messages, tokenize=False)
    read, _ = encoder.conversation(pairs, opened=False)
    assert tokenizer(written, add_special_tokens=False)["input_ids"] == read


@pytest.mark.parametrize("seed", range(12))
def test_dense_labels_equal_a_literal_count_of_mask_pixels(seed: int) -> None:
    scene = sample(seed)
    drawing = draw(scene)
    labels = dict(zip(HEADS, dense_labels(scene, drawing), strict=True))
    for patch in range(GRID * GRID):
        row, column = divmod(patch, GRID)
        inside = drawing.labels[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
        shares = [(inside == k + 1).mean() for k in range(len(drawing.parts))]
        if sum(shares) <= 0.2:
            assert labels["kind"][patch] == 0 and labels["part"][patch] == 0 and labels["color"][patch] == 0
        elif sum(shares) >= 0.25 and sorted(shares)[-1] > sorted([0, *shares])[-2] + 0.02:
            key = drawing.parts[int(np.argmax(shares))]
            item = scene.items[key.item_index]
            assert labels["kind"][patch] == 1 + KINDS.index(key.kind)
            if (key.kind, key.part) == ("truck", "door"):
                assert labels["part"][patch] == IGNORE and labels["door"][patch] == IGNORE
            else:
                assert labels["part"][patch] == 1 + PART_NAMES.index(key.part)
            color = dict(item.colors).get(key.part)
            assert labels["color"][patch] == (1 + COLORS.index(color) if color else 0)


def test_every_object_has_one_anchor_patch() -> None:
    for seed in range(20):
        scene = sample(seed)
        anchors = dense_labels(scene, draw(scene))[-1]
        centres = {(int(y // PATCH), int(x // PATCH)) for x, y in (item.centre for item in scene.items)}
        assert int((anchors > 0).sum()) == len(centres)


def test_packed_conversations_are_computed_as_if_each_stood_alone(tokenizer, encoder: Encoder) -> None:
    model = build_model(tokenizer, seed=1).eval()
    for parameter in model.parameters():
        parameter.data.mul_(1.5)
    batches = JointBatches(seed=5, size=1, encoder=encoder, late=9, text_share=0.3)
    batch = batches[7]
    ids, positions = batch["ids"][0], batch["positions"][0]
    with torch.no_grad():
        packed = joint_states(model, batch).last[0]
        starts = [i for i in range(PREFIX, len(ids)) if positions[i] in (0, PREFIX) and ids[i] != encoder.pad]
        compared = {True: 0, False: 0}
        for start in starts:
            end = start + 1
            while (end - PREFIX) % SEGMENT and positions[end] == positions[end - 1] + 1:
                end += 1
            own, visual = ids[None, start:end], bool(positions[start] == PREFIX)
            if visual:
                row = torch.cat([ids[None, :PREFIX], own], 1)
                alone = model.model(input_ids=row, pixel_values=batch["pixels"]).last_hidden_state[0, PREFIX:]
            else:
                alone = model.model(input_ids=own).last_hidden_state[0]
            assert torch.allclose(packed[start:end], alone, atol=2e-5)
            compared[visual] += 1
    assert compared[True] >= 3 and compared[False] >= 1


def test_the_attention_implementation_is_put_back_even_after_an_error(tokenizer) -> None:
    from core.street.packed import packing

    language_model = build_model(tokenizer).model.language_model
    before = language_model.config._attn_implementation
    with pytest.raises(RuntimeError, match="stop"), packing(language_model, torch.ones(1, 1, 2, 2).bool(), 0, 1):
        raise RuntimeError("stop")
    assert language_model.config._attn_implementation == before


def test_a_batch_depends_on_its_number_and_the_seed_alone(encoder: Encoder) -> None:
    makers = (
        lambda: JointBatches(3, 2, encoder, late=9),
        lambda: TextBatches(3, 2, encoder),
        lambda: DenseBatches(3, 2),
    )
    for make in makers:
        batches, again = make(), make()
        other = batches[12]
        assert all(torch.equal(value, other[key]) for key, value in again[12].items())
        assert any(not torch.equal(value, other[key]) for key, value in batches[13].items())


def test_only_answers_are_learned(encoder: Encoder, tokenizer) -> None:
    batch = JointBatches(0, 1, encoder, late=9)[0]
    learned = tokenizer.decode(batch["labels"][0][batch["labels"][0] != IGNORE])
    assert "?" not in learned and learned.count("</s>") >= 8


def test_nouns_of_a_visual_question_know_what_the_scene_says_and_text_only_ones_nothing(
    encoder: Encoder, tokenizer
) -> None:
    batches = JointBatches(seed=2, size=1, encoder=encoder, late=9, text_share=0.4)
    scene = sample(random.Random("joint 2 4").randrange(TRAINING_SEEDS))
    batch = batches[4]
    ids, facts, positions = batch["ids"][0], batch["facts"][0], batch["positions"][0]
    seen = told_nothing = 0
    text_only = False
    for index in range(PREFIX, len(ids)):
        word = tokenizer.convert_ids_to_tokens(int(ids[index])).lstrip("▁")
        labels = dict(zip(FACTS, facts[index].tolist(), strict=True))
        if positions[index] in (0, PREFIX):
            text_only = bool(positions[index] == 0)
        if text_only:
            assert set(labels.values()) == {IGNORE}
            told_nothing += word in KINDS
        if text_only or word not in KINDS:
            continue
        seen += 1
        assert labels["present"] == (scene.count(word) > 0)
        item = scene.the(word)
        assert labels["column"] == (int(item.centre[0] // PATCH) if item else IGNORE)
        whole = dict(item.colors).get("wall" if word == "house" else "body") if item else None
        assert labels["color"] == (COLORS.index(whole) if whole else IGNORE)
    assert seen > 10 and told_nothing > 2


def test_the_truck_door_is_in_no_label() -> None:
    for seed in range(60):
        scene = sample(seed)
        door = facts_of(scene)[NOUNS.index("truck"), list(FACTS).index("door")]
        assert door == IGNORE
        labels = dict(zip(HEADS, dense_labels(scene, draw(scene)), strict=True))
        on_truck = labels["kind"] == 1 + KINDS.index("truck")
        assert not (labels["door"][on_truck] > 0).any()


def test_the_rate_warms_up_holds_and_decays() -> None:
    rates = [learning_rate(step, 1000, decay=0.4) for step in range(1000)]
    assert rates[0] < 0.02 and rates[300] == rates[599] == 1.0 and rates[-1] == 0.01
    assert all(a >= b for a, b in itertools.pairwise(rates[600:]))


def small_recipe(**changes: int) -> Recipe:
    return Recipe(
        corpus_scenes=200,
        text_steps=4,
        text_batch=1,
        dense_steps=4,
        dense_batch=2,
        joint_steps=0,
        polish_steps=0,
        checkpoint_every=2,
        **changes,
    )


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A training that went through all of its steps."""
    training = Training(small_recipe(), tmp_path_factory.mktemp("straight"), say=lambda _: None)
    training.run()
    return training


def test_a_checkpoint_of_another_vocabulary_is_refused(straight: Training, tmp_path: Path) -> None:
    state = torch.load(straight.folder / "text.pt", weights_only=True)
    state["vocabulary"]["surprise"] = 1
    torch.save(state, tmp_path / "text.pt")
    with pytest.raises(ValueError, match="another vocabulary"):
        Training(small_recipe(), tmp_path, say=lambda _: None).run()


def test_a_stopped_training_goes_on_to_the_same_weights(straight: Training, tmp_path: Path) -> None:
    stopped = Training(small_recipe(), tmp_path / "stopped", say=lambda _: None)
    original, calls = stopped.dense_loss, []

    def fails_at_the_third(batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(batch)

    stopped.dense_loss = fails_at_the_third
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = Training(small_recipe(), tmp_path / "stopped", say=lambda _: None)
    resumed.run()
    for a, b in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_the_same_seed_draws_the_same_corpus() -> None:
    assert list(corpus(1, scenes=5)) == list(corpus(1, scenes=5)) != list(corpus(2, scenes=5))
    assert random.Random("corpus 1").random() != random.Random("corpus 2").random()


def test_a_colour_knows_whether_its_own_sentence_has_named_it_before(encoder: Encoder) -> None:
    same = encoder.conversation(
        [Pair("", "Compare.", "The dog is red and the car is red, so the colors are the same.")], True
    )[0]
    turns = [Pair("", "What color is the dog?", "The dog is red."), Pair("", "And the car?", "The car is red.")]
    apart = encoder.conversation(turns, opened=True)[0]
    told = [repeat for repeat in encoder.repeats_of(np.array(same)).tolist() if repeat != IGNORE]
    assert told == [0, 1]
    told = [repeat for repeat in encoder.repeats_of(np.array(apart)).tolist() if repeat != IGNORE]
    assert told == [0, 0]


def test_matched_scenes_have_two_objects_of_one_colour_and_stay_otherwise_as_they_were() -> None:
    rng = random.Random(1)
    for seed in range(40):
        scene = sample(seed)
        matched = match_colors(scene, rng)
        changed = [(a, b) for a, b in zip(scene.items, matched.items, strict=True) if a != b]
        assert len(changed) <= 1
        for before, after in changed:
            assert replace(after, colors=before.colors) == before
            others = [item.colors[0][1] for item in matched.items if item is not after and item.colors]
            assert after.colors[0][1] in others


def test_the_last_batches_practise_more_descriptions_and_counts(encoder: Encoder, tokenizer) -> None:
    def share(batches: JointBatches) -> float:
        texts = [tokenizer.decode(ids[ids != encoder.pad]) for index in range(6) for ids in batches[index]["ids"]]
        return sum(text.count("The picture shows") for text in texts)

    assert share(JointBatches(4, 4, encoder, late=0)) > 1.1 * share(JointBatches(4, 4, encoder, late=99))
