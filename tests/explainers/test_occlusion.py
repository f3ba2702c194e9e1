"""Taking parts away, against replays and scores of masked questions, and full passes under a written-out mask."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Question, RegionMask, Target, TokenKind
from core.errors import NotApplicable
from core.evidence.evaluate import evaluate
from core.evidence.settings import EvidenceSettings
from core.explainers._occlusion import windows
from core.explainers.base import Explainer
from core.explainers.occlusion_pixels import OcclusionPixels, OcclusionPixelsSettings
from core.explainers.occlusion_superpixels import OcclusionSuperpixels, OcclusionSuperpixelsSettings, superpixels
from core.explainers.occlusion_tokens import OcclusionTokens, OcclusionTokensSettings
from core.explainers.run import explain
from core.maps.files import csv_text
from core.masking import apply_mask
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score
from core.vlm.targets import token_targets_of
from tests.eager import eager_logits_without, sampled

RIVAL = 40
CLOSE = {"atol": 2e-4, "rtol": 1e-3}


def targets(answer: Answer) -> list[Target]:
    """Every token, and the last one against a rival."""
    last = len(answer.tokens) - 1
    return [*(Target((index,)) for index in range(last + 1)), Target((last,), (RIVAL,))]


def logprob(logits: torch.Tensor, answer: Answer, target: Target) -> float:
    row = logits[target.tokens[0]].double().log_softmax(-1)
    value = float(row[answer.token_ids[target.tokens[0]]])
    return value if target.rivals is None else value - float(row[target.rivals[0]])


def said(model: TransformersModel, answer: Answer, question: Question, target: Target) -> float:
    """The log-probability of the target under another question: by replay where there is a rival, else by scoring."""
    if target.rivals is None:
        return float(score(model, question, answer.token_ids).logprobs[target.tokens[0]])
    return logprob(model.replay_logits(replace(answer, inputs=model.prepare(question).inputs)), answer, target)


@pytest.mark.parametrize(("window", "step", "fill"), [(2, 2, "black"), (3, 1, "noise")])
def test_hidden_pixels_cost_what_a_masked_question_says(
    llava: TransformersModel, picture: Image.Image, window: int, step: int, fill: str
) -> None:
    answer = sampled(llava, "the the dog the dog?", picture, tokens=3)
    (view,) = answer.layout.views
    settings = OcclusionPixelsSettings(window=window, step=step, fill=fill)
    explanations = explain(OcclusionPixels(), llava, answer, targets(answer), settings)
    # The 80 px high picture is cropped to its middle square of 4 x 4 image tokens, 20 px each.
    changes: dict[int, list[list[float]]] = {position: [] for position in view.positions}
    for top in range(0, 4 - window + 1, step):
        for left in range(0, 4 - window + 1, step):
            hidden = np.zeros((80, 120), bool)
            hidden[20 * top : 20 * (top + window), 20 + 20 * left : 20 + 20 * (left + window)] = True
            masked = answer.question.with_masks(RegionMask(hidden, fill))
            change = [
                said(llava, answer, answer.question, target) - said(llava, answer, masked, target)
                for target in targets(answer)
            ]
            for row in range(top, top + window):
                for column in range(left, left + window):
                    changes[view.positions[4 * row + column]].append(change)
    for number, explanation in enumerate(explanations):
        expected = torch.zeros(len(answer.layout))
        for position, values in changes.items():
            expected[position] = float(np.mean([value[number] for value in values]))
        torch.testing.assert_close(explanation.scores, expected, **CLOSE)


def test_hidden_pixels_where_the_grid_follows_the_picture_and_there_are_two(
    qwen: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(qwen, "Is it?", picture, picture.resize((60, 90)), tokens=2)
    settings = OcclusionPixelsSettings(window=1, step=1, fill="mean")
    target = Target((1,), (RIVAL,))
    (map_,) = explain(OcclusionPixels(), qwen, answer, [target], settings)
    before = said(qwen, answer, answer.question, target)
    for view in answer.layout.views:
        size = answer.layout.image_sizes[view.image]
        for index in (0, len(view.positions) - 1):
            left, top, right, bottom = view.patch_box(index)
            xs, ys = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
            hidden = (xs >= left) & (xs < right) & (ys >= top) & (ys < bottom)
            masked = answer.question.with_masks(RegionMask(hidden, "mean", view.image))
            expected = before - said(qwen, answer, masked, target)
            assert float(map_.scores[view.positions[index]]) == pytest.approx(expected, abs=2e-4)


def test_a_mask_that_was_asked_with_stays(llava: TransformersModel, picture: Image.Image) -> None:
    hidden = np.zeros((80, 120), bool)
    hidden[:, :70] = True
    masked = sampled(llava, "Where is the dog?", picture, tokens=2, masks=RegionMask(hidden, "black"))
    painted = sampled(llava, "Where is the dog?", apply_mask(picture, RegionMask(hidden, "black")), tokens=2)
    first, second = (explain(OcclusionPixels(), llava, answer, [Target((1,))])[0] for answer in (masked, painted))
    torch.testing.assert_close(first.scores, second.scores, **CLOSE)


def test_superpixels_spread_their_cost_over_the_tokens_they_cover(
    model: TransformersModel, picture: Image.Image
) -> None:
    smooth = picture.resize((6, 4)).resize(picture.size)
    answer = sampled(model, "Where is the dog?", smooth, tokens=2)
    settings = OcclusionSuperpixelsSettings(segments=6, fill="black")
    labels = superpixels(smooth, 6, settings.compactness)
    assert labels.shape == (80, 120) and 3 <= len(np.unique(labels)) <= 12
    target = Target((0,))
    (map_,) = explain(OcclusionSuperpixels(), model, answer, [target], settings)
    cost = np.zeros(labels.shape)
    for label in np.unique(labels):
        masked = answer.question.with_masks(RegionMask(labels == label, "black"))
        cost[labels == label] = said(model, answer, answer.question, target) - said(model, answer, masked, target)
    (view,) = answer.layout.views
    for index, position in enumerate(view.positions):
        left, top, right, bottom = (round(edge) for edge in view.patch_box(index))
        assert float(map_.scores[position]) == pytest.approx(cost[top:bottom, left:right].mean(), abs=2e-4)
    assert float(map_.scores[list(answer.layout.positions(TokenKind.TEXT))].abs().max()) == 0


def test_hidden_tokens_and_words_cost_what_a_full_pass_says(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=3)
    (view,) = answer.layout.views
    explanations = explain(OcclusionTokens(), model, answer, targets(answer))
    whole = eager_logits_without(model, answer, ())
    looked_at = [view.positions[0], view.positions[-1], *answer.layout.positions(TokenKind.TEXT)]
    for position in looked_at:
        without = eager_logits_without(model, answer, (position,))
        for target, explanation in zip(targets(answer), explanations, strict=True):
            expected = logprob(whole, answer, target) - logprob(without, answer, target)
            assert float(explanation.scores[position]) == pytest.approx(expected, abs=2e-4)
    (only_image,) = explain(
        OcclusionTokens(), model, answer, [Target((0,))], OcclusionTokensSettings(window=2, step=2, words=False)
    )
    assert float(only_image.scores[list(answer.layout.positions(TokenKind.TEXT))].abs().max()) == 0
    square = [view.positions[row * view.columns + column] for row in (0, 1) for column in (0, 1)]
    expected = logprob(whole, answer, Target((0,))) - logprob(
        eager_logits_without(model, answer, square), answer, Target((0,))
    )
    for position in square:
        assert float(only_image.scores[position]) == pytest.approx(expected, abs=2e-4)


def test_batches_of_hidings_change_nothing(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=3)
    (together,) = explain(OcclusionTokens(), model, answer, [Target((0, 1, 2))])
    monkeypatch.setattr(model, "edits_at_once", lambda *_: 3)
    (apart,) = explain(OcclusionTokens(), model, answer, [Target((0, 1, 2))])
    torch.testing.assert_close(together.scores, apart.scores, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("method", [OcclusionPixels, OcclusionTokens])
def test_a_stop_keeps_what_was_done(
    method: type, model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "edits_at_once", lambda *_: 2)
    answer = sampled(model, "Where is the dog?", picture, tokens=2)
    (whole,) = explain(method(), model, answer, [Target((0, 1))])
    cancel = CancelToken()
    steps: list[float] = []

    def progress(done: float) -> None:
        steps.append(done)
        if len(steps) == 3:
            cancel.cancel()

    (stopped,) = explain(method(), model, answer, [Target((0, 1))], cancel=cancel, progress=progress)
    assert len(steps) == 3 and 0 < stopped.complete < 1
    known = ~stopped.scores.isnan()
    places = torch.tensor(answer.layout.positions(TokenKind.IMAGE))
    assert 0 < int(known[places].sum()) < len(places)
    torch.testing.assert_close(stopped.scores[known], whole.scores[known], atol=1e-5, rtol=1e-3)


def test_hidden_pixels_come_from_coarse_to_fine(llava: TransformersModel, picture: Image.Image) -> None:
    seen = sampled(llava, "Where?", picture, tokens=2)
    unplaced = replace(seen, layout=replace(seen.layout, views=()))  # 8 x 12 squares
    settings = OcclusionPixelsSettings(window=1, step=1, fill="black")
    target = token_targets_of(unplaced, Target((1,)))
    steps = [step for step in OcclusionPixels().scores(llava, unplaced, target, settings) if step.scores is not None]
    blocks, squares = steps[:6], steps[6:]
    assert len(squares) == 96 and steps[-1].layout is not None
    (view,) = steps[-1].layout.views
    grid = np.array(view.positions).reshape(8, 12)
    whole, rough = squares[-1].scores, blocks[-1].scores
    assert whole is not None and rough is not None
    before = said(llava, seen, seen.question, Target((1,)))
    for number, (top, left) in enumerate(product((0, 4), (0, 4, 8))):
        hidden = np.zeros((80, 120), bool)
        hidden[10 * top : 10 * top + 40, 10 * left : 10 * left + 40] = True
        fall = before - said(llava, seen, seen.question.with_masks(RegionMask(hidden, "black")), Target((1,)))
        # Every square of a block shows a sixteenth of what the block costs, and those of later blocks nothing yet.
        own = torch.from_numpy(grid[top : top + 4, left : left + 4])
        assert blocks[number].scores[0, own].numpy() == pytest.approx(fall / 16, abs=2e-5)
        assert number == 0 or bool(blocks[number - 1].scores[0, own].isnan().all())
    # The squares of the costliest block come first; those not read yet still show their block's share.
    costliest = set(rough[0, view.positions].topk(16).indices.tolist())
    after = squares[15].scores
    changed = {index for index, position in enumerate(view.positions) if after[0, position] != rough[0, position]}
    assert changed == costliest
    torch.testing.assert_close(after[0, grid.flat[sorted(changed)]], whole[0, grid.flat[sorted(changed)]])
    assert squares[0].remark != squares[-1].remark


@pytest.mark.parametrize(("size", "step"), [(1, 1), (2, 2), (3, 2), (2, 5), (16, 16)])
def test_windows_leave_nothing_out_and_stay_inside(
    qwen: TransformersModel, picture: Image.Image, size: int, step: int
) -> None:
    layout = qwen.prepare(Question("Is it?", (picture, picture.resize((60, 90))))).layout
    placed = windows(layout, size, step)
    for view in layout.views:
        mine = [positions for image, positions in placed if image == view.image]
        assert {position for positions in mine for position in positions} == set(view.positions)
        assert all(0 < len(positions) <= size * size for positions in mine)
        assert len(set(mine)) == len(mine)


@pytest.mark.parametrize("method", [OcclusionPixels(), OcclusionSuperpixels()], ids=["squares", "superpixels"])
def test_where_no_image_token_has_a_place_squares_of_the_picture_are_scored(
    method: Explainer, llava: TransformersModel, picture: Image.Image
) -> None:
    seen = sampled(llava, "Where?", picture, tokens=2)
    unplaced = replace(seen, layout=replace(seen.layout, views=()))
    (map_,) = explain(method, llava, unplaced, [Target((1,))])
    about = map_.about(unplaced).layout
    (view,) = about.views
    assert (view.rows, view.columns) == (8, 12)
    assert min(view.positions) == len(unplaced.layout)
    assert map_.scores.shape == (len(about),)
    assert not map_.scores[: len(unplaced.layout)].any()
    assert map_.remark is not None
    # (as many patches as these of a model that has them)
    assert csv_text(unplaced, [map_]).count(",squares,") == 96
    (evidence,) = evaluate(llava, unplaced, [map_], settings=EvidenceSettings(steps=2, draws=1))
    assert evidence.complete == 1


def test_a_square_scores_what_hiding_it_takes(llava: TransformersModel, picture: Image.Image) -> None:
    seen = sampled(llava, "Where?", picture, tokens=2)
    unplaced = replace(seen, layout=replace(seen.layout, views=()))
    settings = OcclusionPixels.Settings(window=3, step=3, fill="black")
    (map_,) = explain(OcclusionPixels(), llava, unplaced, [Target((1,))], settings)
    (view,) = map_.about(unplaced).layout.views
    hidden = np.zeros((80, 120), bool)
    hidden[30:60, 60:90] = True
    masked = score(llava, seen.question.with_masks(RegionMask(hidden)), seen.token_ids).logprobs[1]
    expected = score(llava, seen.question, seen.token_ids).logprobs[1] - masked
    for row, column in ((3, 6), (5, 8), (4, 7)):
        assert float(map_.scores[view.positions[row * 12 + column]]) == pytest.approx(float(expected), abs=1e-5)


def test_methods_that_need_pixels_say_so(model: TransformersModel, picture: Image.Image) -> None:
    words = sampled(model, "Only words", tokens=2)
    seen = sampled(model, "Where?", picture, tokens=2)
    unplaced = replace(seen, layout=replace(seen.layout, views=()))
    for method in (OcclusionPixels(), OcclusionSuperpixels()):
        with pytest.raises(NotApplicable, match="no picture"):
            explain(method, model, words, [Target((0,))])
    # Hiding tokens needs neither a picture nor places.
    (map_,) = explain(OcclusionTokens(), model, words, [Target((1,))])
    assert float(map_.scores.abs().max()) > 0
    (map_,) = explain(OcclusionTokens(), model, unplaced, [Target((1,))])
    (placed,) = explain(OcclusionTokens(), model, seen, [Target((1,))])
    torch.testing.assert_close(map_.scores, placed.scores, atol=1e-5, rtol=1e-3)
