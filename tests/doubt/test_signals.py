"""Every signal against what its definition says of a whole eager pass, written out in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, PatchView, TokenKind
from core.cases.phrasings import phrasings
from core.comparison.verdict import judge
from core.doubt.look import Look, middle
from core.doubt.measure import expected, measure, of_word
from core.doubt.registry import BASELINE, signals
from core.doubt.signal import Signal
from core.doubt.signals import decoded
from core.doubt.signals import phrasings as asked_again
from core.doubt.signals.decoded import says
from core.doubt.signals.spread import dispersion
from core.errors import OtherModel
from core.evidence.dependence import image_dependence
from core.plugins import description
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score
from core.vlm.targets import TokenTarget
from tests import literal
from tests.eager import sampled
from tests.hooks import hooks_of
from tests.mechanisms.written_out import WrittenOut, norm_of
from tests.zoo import load, save_llava, save_qwen

SAVED: dict[str, Callable[[Path], Path]] = {
    "llava": lambda folder: save_llava(folder, num_hidden_layers=5),
    "shared keys": save_qwen,
    "sliding window": lambda folder: save_llava(
        folder, model_type="mistral", num_key_value_heads=2, sliding_window=8, num_hidden_layers=4
    ),
}


@pytest.fixture(scope="module", params=list(SAVED))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(SAVED[request.param](tmp_path_factory.mktemp("network")))


@pytest.fixture(params=[3, 6])
def answer(request: pytest.FixtureRequest, network: TransformersModel, picture: Image.Image) -> Answer:
    """A random answer to a question with a word twice."""
    return sampled(network, "the dog the dog?", picture, tokens=request.param)


def values(model: TransformersModel, answer: Answer, key: str, tokens: list[int] | None = None) -> np.ndarray:
    chosen = list(range(len(answer.tokens))) if tokens is None else tokens
    return signals()[key].values(Look(model, answer, chosen))


def images_of(answer: Answer) -> list[int]:
    return [position for position, kind in enumerate(answer.layout.kinds) if kind is TokenKind.IMAGE]


def rows_of(answer: Answer) -> list[int]:
    return [len(answer.prompt_tokens) + token - 1 for token in range(len(answer.tokens))]


def test_what_the_model_thought_of_the_words(network: TransformersModel, answer: Answer) -> None:
    whole = literal.whole_pass(literal.network_of(Path(network.card.source)), answer)
    for token, row in enumerate(rows_of(answer)):
        logprobs = whole.logits[row].detach().log_softmax(-1)
        assert values(network, answer, "logprob")[token] == pytest.approx(
            float(logprobs[answer.token_ids[token]]), abs=1e-3
        )
        entropy = -sum(float(one.exp() * one) for one in logprobs)
        assert values(network, answer, "entropy")[token] == pytest.approx(entropy, abs=1e-3)


def test_what_a_black_picture_leaves(network: TransformersModel, answer: Answer, picture: Image.Image) -> None:
    dark = replace(answer.question, images=(Image.new("RGB", picture.size),))
    full, blank = (score(network, question, answer.token_ids) for question in (answer.question, dark))
    np.testing.assert_allclose(values(network, answer, "image_dependence"), full.logprobs - blank.logprobs, atol=5e-4)
    np.testing.assert_allclose(
        values(network, answer, "image_dependence"), image_dependence(network, answer), atol=5e-4
    )
    eager = literal.network_of(Path(network.card.source))
    inputs = dict(network.prepare(dark).inputs)
    one, other = (
        literal.whole_pass(eager, asked).logits.detach().softmax(-1)
        for asked in (answer, replace(answer, question=dark, inputs=inputs))
    )
    for token, row in enumerate(rows_of(answer)):
        overlap = sum(math.sqrt(float(p) * float(q)) for p, q in zip(one[row], other[row], strict=True))
        assert values(network, answer, "blank_change")[token] == pytest.approx(math.sqrt(1 - overlap), abs=2e-3)


def test_the_middle_layers_look_so_much_at_the_picture(network: TransformersModel, answer: Answer) -> None:
    written = WrittenOut(network.card.source, answer)
    layers = range(round(5 / 32 * network.card.layers), round(19 / 32 * network.card.layers))
    for token, row in enumerate(rows_of(answer)):
        sums = [
            sum(float(written.layers[layer].attention[head, row, position]) for position in images_of(answer))
            for layer in layers
            for head in range(network.card.heads)
        ]
        share = values(network, answer, "attention_share")[token]
        assert share == pytest.approx(sum(sums) / len(sums), abs=1e-4)


def test_rows_that_were_not_recorded_are_made_again(network: TransformersModel, answer: Answer) -> None:
    bare = replace(answer, attention=None)
    for key in ("attention_share", "spread", "decoded"):
        np.testing.assert_allclose(values(network, answer, key), values(network, bare, key), atol=1e-4)


def test_relevancy_enters_on_the_picture_so_much(network: TransformersModel, answer: Answer) -> None:
    whole = literal.whole_pass(literal.network_of(Path(network.card.source)), answer)
    layers = range(round(5 / 32 * network.card.layers), round(19 / 32 * network.card.layers))
    for token, row in enumerate(rows_of(answer)):
        target = literal.target_logit(whole, answer, TokenTarget(token, answer.token_ids[token]))
        gradients = torch.autograd.grad(target, whole.decoder, retain_graph=True)
        relevancy = torch.zeros(whole.decoder[0].shape[-1], dtype=torch.float64)
        relevancy[row] = 1
        on_picture = entered = 0.0
        for layer in reversed(range(network.card.layers)):
            brought = relevancy @ literal.weighted(whole.decoder[layer], gradients[layer])
            relevancy = relevancy + brought
            if layer in layers:
                on_picture += float(brought[images_of(answer)].sum().detach())
                entered += float(brought.sum().detach())
        share = values(network, answer, "relevancy_share")[token]
        assert share == pytest.approx(on_picture / entered, abs=1e-3)


def test_the_best_rank_over_image_tokens(network: TransformersModel, answer: Answer) -> None:
    written = WrittenOut(network.card.source, answer)
    for token, id_ in enumerate(answer.token_ids):
        ranks = []
        for states in written.states:
            for position in images_of(answer):
                logits = written.head(norm_of(written.norm, states[position], states[position]))
                ranks.append(1 + sum(bool(one > logits[id_]) for one in logits))
        assert values(network, answer, "lens_rank")[token] == min(ranks)


def literal_dispersion(attention: np.ndarray, rows: int, columns: int) -> float:
    """(1 - mass of foreground blobs) H(background) / log N, cell by cell."""
    lifted = [float(one - attention.min()) for one in attention]
    if not sum(lifted):
        return 1.0
    shares = [one / sum(lifted) for one in lifted]
    order = sorted(range(len(shares)), key=lambda cell: -shares[cell])
    front = set(order[: max(1, round(0.1 * len(shares)))])
    mass, seen = 0.0, set[int]()
    for cell in front:
        blob, waiting = set[int](), [cell]
        while waiting:
            one = waiting.pop()
            if one in blob or one not in front or one in seen:
                continue
            blob.add(one)
            row, column = divmod(one, columns)
            waiting += [
                r * columns + c
                for r in range(max(0, row - 1), min(rows, row + 2))
                for c in range(max(0, column - 1), min(columns, column + 2))
            ]
        seen |= blob
        mass += sum(shares[one] for one in blob) if len(blob) >= 3 else 0
    behind = [shares[cell] for cell in range(len(shares)) if cell not in front]
    whole = sum(behind)
    entropy = -sum(one / whole * math.log(one / whole) for one in behind if one > 0)
    return (1 - mass) * entropy / math.log(len(shares))


def test_how_spread_out_the_attended_patches_are(network: TransformersModel, answer: Answer) -> None:
    written = WrittenOut(network.card.source, answer)
    (view,) = answer.layout.views
    layers = middle(network.card.layers, 0.25, 0.75)
    for token, row in enumerate(rows_of(answer)):
        scores = [
            literal_dispersion(
                written.layers[layer].attention[:, row].mean(0)[list(view.positions)].numpy(), view.rows, view.columns
            )
            for layer in layers
        ]
        assert values(network, answer, "spread")[token] == pytest.approx(np.mean(scores), abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_dispersion_finds_what_hangs_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = 7 + seed, 11
    attention = rng.random(rows * columns) ** 4
    attention[[0, 1, columns + 1, columns + 2]] += 3
    view = PatchView(0, "whole", rows, columns, (0, 0, 110, 70), tuple(range(rows * columns)))
    assert dispersion([attention], (view,)) == pytest.approx(literal_dispersion(attention, rows, columns), abs=1e-9)
    assert dispersion([np.ones(rows * columns)], (view,)) == 1.0


def test_how_like_the_word_patches_are(network: TransformersModel, answer: Answer) -> None:
    written = WrittenOut(network.card.source, answer)
    images = images_of(answer)
    for token, row in enumerate(rows_of(answer)):
        means = []
        for layer in middle(network.card.layers, 0.25, 0.75):
            states = written.states[layer]
            cosines = sorted(
                float(states[row] @ states[one] / states[row].norm() / states[one].norm()) for one in images
            )
            best = cosines[-max(1, round(0.05 * len(images))) :]
            means.append(sum(best) / len(best))
        assert values(network, answer, "likeness")[token] == pytest.approx(np.mean(means), abs=1e-4)


def test_what_the_attended_patches_decode_to(
    network: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random states say their word by chance alone: the answer is taken to have said what some of them decode to.
    written = WrittenOut(network.card.source, answer)
    images, (layer, *others) = images_of(answer), middle(network.card.layers, 19 / 32, 26 / 32)
    assert not others
    expected_counts = []
    said = []
    for row in rows_of(answer):
        attention = written.layers[layer].attention[:, row].mean(0)
        top = sorted(images, key=lambda one: -float(attention[one]))[:3]
        ids = []
        for one in top:
            state = written.states[layer][one]
            ids.append(int(written.head(norm_of(written.norm, state, state)).argmax()))
        said.append(ids[0])
        expected_counts.append(sum(one == ids[0] for one in ids) / 3)
    monkeypatch.setattr(decoded, "says", lambda piece, word: False)
    tokens = tuple(replace(token, id=id_) for token, id_ in zip(answer.tokens, said, strict=True))
    look = Look(network, answer, range(len(said)))
    look.answer = replace(answer, tokens=tokens)
    monkeypatch.setattr(Look, "checkpoints", network.checkpointed(answer))
    np.testing.assert_allclose(signals()["decoded"].values(look), expected_counts)


@pytest.mark.parametrize(
    ("piece", "word", "said"),
    [
        *((" dog", "Dogs.", True), ("dog", " dog", True), (" bicy", "bicycle", True), ("a", "apple", False)),
        *(("", "dog", False), (" cat", "dog", False), ("`<b>`", "b", True), ("ca", "car", False)),
    ],
)
def test_a_decoded_token_is_the_word_or_its_beginning(piece: str, word: str, said: bool) -> None:
    assert says(piece, word) is said


def test_other_wordings_agree_so_often(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "Is the door open?"
    asked: list[str] = []
    answer = replace(sampled(llava, question, picture, tokens=4), text="Yes, the door is open.")

    def said(model: Any, other: Any, **more: Any) -> Answer:
        asked.append(other.text)
        assert other.decoding.temperature == 0 and other.images == answer.question.images
        return replace(answer, question=other, text="Yes, it is open." if len(asked) % 2 else "No.")

    monkeypatch.setattr(asked_again, "ask", said)
    found = values(llava, answer, "phrasings")
    others = [one.text for one in phrasings(question)[1:]]
    verdicts = [
        judge([question, other], [answer.text, "Yes, it is open." if number % 2 else "No."]).kind == "agree"
        for number, other in enumerate(others, 1)
    ]
    assert asked == others and set(verdicts) == {True, False}
    assert found.tolist() == pytest.approx([sum(verdicts) / len(verdicts)] * 4)
    stopped = CancelToken()
    stopped.cancel()
    with pytest.raises(Cancelled):
        signals()["phrasings"].values(Look(llava, answer, [0], stopped))


@pytest.mark.parametrize("layers", [1, 2, 3, 6, 24, 32, 80])
def test_some_layer_is_always_in_the_middle(layers: int) -> None:
    for first, end in ((5 / 32, 19 / 32), (0.25, 0.75), (19 / 32, 26 / 32)):
        chosen = middle(layers, first, end)
        assert len(chosen) >= 1 and chosen[0] >= 0 and chosen[-1] < layers
    assert (middle(32, 5 / 32, 19 / 32), middle(32, 19 / 32, 26 / 32)) == (range(5, 19), range(19, 26))


def test_all_of_them_of_the_words_of_an_answer(network: TransformersModel, answer: Answer) -> None:
    before, told = hooks_of(network), list[float]()
    words = [[0, 1], [2]]
    measured = measure(network, answer, words, progress=told.append)
    assert set(measured.values) | set(measured.refused) == set(signals())
    assert next(iter(signals())) == BASELINE and len(told) == len(signals()) and told[-1] == 1
    for key, figures in measured.values.items():
        assert len(figures) == 2 and all(math.isfinite(one) for one in figures), key
        assert figures[0] == pytest.approx(of_word(signals()[key], values(network, answer, key, [0, 1])))
    assert of_word(signals()["lens_rank"], [1, 100]) == pytest.approx(10)
    assert hooks_of(network) == before
    stopped = CancelToken()
    with pytest.raises(Cancelled):
        measure(network, answer, words, cancel=stopped, progress=lambda done: stopped.cancel())
    assert hooks_of(network) == before
    assert expected(network, answer, list(signals())).count > 3
    assert measure(network, answer, []).values == {key: () for key in signals()}


@pytest.mark.parametrize("key", [key for key, one in signals().items() if one.needs != "nothing"])
def test_without_a_picture_it_is_refused_in_a_sentence(llava: TransformersModel, key: str) -> None:
    answer = sampled(llava, "the the dog?", tokens=3)
    why = measure(llava, answer, [[0]], [key]).refused[key]
    assert why.endswith("Ask about a picture.") and why.startswith(signals()[key].name)


def test_what_needs_places_is_refused_without_them(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=3)
    nowhere = replace(answer, layout=replace(answer.layout, views=()))
    refused = measure(llava, nowhere, [[0]]).refused
    assert "places" in refused["spread"] and {"spread"} <= set(refused) <= {"spread", "phrasings"}
    bare = replace(answer, layout=replace(answer.layout, kinds=(TokenKind.SPECIAL,) * len(answer.layout), views=()))
    assert "image tokens" in measure(llava, bare, [[0]], ["lens_rank"]).refused["lens_rank"]


def test_what_cannot_be_had_is_told_and_the_rest_is_measured(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "Wo ist er?", picture, tokens=3)
    monkeypatch.setattr(type(signals()["likeness"]), "estimate", lambda *_: 2**60)
    measured = measure(llava, answer, [[0]], ["logprob", "likeness", "phrasings"])
    assert list(measured.values) == ["logprob"]
    assert "needs about" in measured.refused["likeness"] and "other wording" in measured.refused["phrasings"]
    with pytest.raises(OtherModel):
        measure(llava, replace(answer, model="another"), [[0]])
    monkeypatch.setattr(
        TransformersModel,
        "attention_rows",
        lambda self, answer, queries: torch.full((3, 4, 1, len(answer.layout)), torch.nan),
    )
    hidden = measure(llava, replace(answer, attention=None), [[0]], ["attention_share"])
    assert "None of the middle layers" in hidden.refused["attention_share"]


def test_every_signal_says_what_it_is() -> None:
    for signal in signals().values():
        assert isinstance(signal, Signal) and signal.doubtful in ("higher", "lower")
        assert description(signal).endswith(".") and signal.caveat.endswith(".") and signal.paper
