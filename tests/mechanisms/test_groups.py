"""Groups of positions are what their names say, and a partition of all that bears on a target."""

from __future__ import annotations

import pytest
from PIL import Image

from core.answer import Answer, Target, TokenKind, Turn
from core.errors import NotApplicable
from core.mechanisms.groups import Group, check_groups, groups, patch_groups
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import sampled
from tests.zoo import of_family


def named(answer: Answer, target: Target) -> dict[str, tuple[int, ...]]:
    return {group.name: group.positions for group in groups(answer, token_targets_of(answer, target))}


def test_groups_part_everything_that_bears_on_the_target(model: TransformersModel, picture: Image.Image) -> None:
    history = (Turn("Where is it?", "There."),)
    for answer in (
        sampled(model, "the the dog?", picture),
        sampled(model, "Why?", picture, picture.resize((60, 90)), history=history),
        sampled(model, "Only words"),
    ):
        for target in (Target((0,)), Target((3,)), Target((1, 4)), whole_answer(answer)):
            by_name = named(answer, target)
            end = len(answer.prompt_tokens) + max(target.tokens)
            assert sorted(sum(by_name.values(), ())) == list(range(end))
            assert by_name["image"] == answer.layout.positions(TokenKind.IMAGE)
            assert by_name["last"] == tuple(len(answer.prompt_tokens) + index - 1 for index in target.tokens)
            text = "".join(answer.prompt_tokens[position] for position in by_name["question"])
            assert text.strip() == answer.question.text


def test_patches_cover_a_view_square_by_square(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture, picture.resize((90, 90)))
    for index, view in enumerate(answer.layout.views):
        single, rows, columns = patch_groups(answer, index)
        assert (rows, columns) == (view.rows, view.columns)
        assert [group.positions for group in single] == [(position,) for position in view.positions]
        squares, rows, columns = patch_groups(answer, index, side=3)
        assert len(squares) == rows * columns == -(-view.rows // 3) * -(-view.columns // 3)
        assert sorted(sum((group.positions for group in squares), ())) == list(view.positions)
        assert squares[0].positions[:2] == view.positions[:2]


def test_patches_without_a_place_are_refused(llava: TransformersModel, picture: Image.Image) -> None:
    with pytest.raises(NotApplicable, match="no map of patches"):
        patch_groups(sampled(llava, "Only words"))
    stranger = of_family(llava, Undescribed("unknown"))
    with pytest.raises(NotApplicable, match="no map of patches"):
        patch_groups(sampled(stranger, "Where?", picture))


def test_groups_that_are_empty_or_elsewhere_are_refused(llava: TransformersModel) -> None:
    answer = sampled(llava, "Only words", tokens=2)
    image, *_ = groups(answer, token_targets_of(answer, Target((0,))))
    with pytest.raises(NotApplicable, match="belongs to the group 'image'"):
        check_groups(answer, [image])
    end = len(answer.layout) - 1
    for wrong in (-1, end):
        with pytest.raises(NotApplicable, match=f"'mine' names positions outside .*0 to {end - 1}"):
            check_groups(answer, [Group("mine", (0, wrong))])
