"""Shares of the logit against the written-out pass, and their sum against the logit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.mechanisms.attribution import Attribution, attribute
from core.mechanisms.contributions import contributions
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget
from core.vlm.unembedding import LogitTransform
from tests.eager import sampled
from tests.mechanisms.written_out import WrittenOut, norm_of

RIVAL = 40


def test_shares_are_those_of_the_written_out_pass(double: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(double, "the the dog?", picture, tokens=3)
    expected = WrittenOut(double.card.source, answer)
    token_targets = [TokenTarget(2, answer.token_ids[2]), TokenTarget(1, 77, RIVAL)]
    contributed = attribute(double, contributions(double, answer, token_targets))
    for number, token_target in enumerate(token_targets):
        row = token_target.position(answer)
        words = expected.head.weight[token_target.token]
        if token_target.rival is not None:
            words = words - expected.head.weight[token_target.rival]

        def share(
            states: torch.Tensor, row: int = row, words: torch.Tensor = words, expected: WrittenOut = expected
        ) -> float:
            return float(norm_of(expected.norm, states, expected.final[row], shift=False) @ words)

        assert float(contributed.embedding[number]) == pytest.approx(share(expected.states[0][row]), abs=1e-5)
        for layer in range(3):
            added = expected.states[layer + 1][row] - expected.states[layer][row]
            heads = [expected.layers[layer].head(row, head) for head in range(4)]
            shares = [share(head) for head in heads]
            assert contributed.heads[number, layer].tolist() == pytest.approx(shares, abs=1e-5)
            assert float(contributed.mlps[number, layer]) == pytest.approx(share(added - sum(heads)), abs=1e-5)
        logits = expected.logits(expected.final[row], row)
        logit = logits[token_target.token] - (0 if token_target.rival is None else logits[token_target.rival])
        assert float(contributed.logit[number]) == pytest.approx(float(logit), abs=1e-5)


def total(attributed: Attribution) -> torch.Tensor:
    return attributed.heads.sum((1, 2)) + attributed.mlps.sum(1) + attributed.embedding + attributed.other


@pytest.mark.parametrize("softcap", [None, 0.5])
def test_shares_sum_to_the_logit_before_any_cap(
    model: TransformersModel, picture: Image.Image, softcap: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(model, "the dog the dog?", picture, tokens=3)
    said = answer.token_ids
    plain = model.replay_logits(answer)
    readout = replace(model._readout(), logit_transform=LogitTransform(multiplier=2.0, softcap=softcap))
    monkeypatch.setattr(model, "_measured_readout", readout)
    contributed = attribute(
        model, contributions(model, answer, [TokenTarget(2, said[2]), TokenTarget(0, said[0], RIVAL)])
    )
    torch.testing.assert_close(total(contributed), contributed.logit, atol=1e-4, rtol=1e-4)
    expected = 2 * torch.stack([plain[2, said[2]], plain[0, said[0]] - plain[0, RIVAL]])
    torch.testing.assert_close(contributed.logit, expected, atol=1e-4, rtol=1e-4)


def test_what_comes_in_between_layers_is_neither_heads_nor_mlps(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    contributed = contributions(llava, answer, [TokenTarget(1, answer.token_ids[1])])
    before = attribute(llava, contributed)
    # As networks do that bring picture features in again after a layer.
    more = torch.linspace(-1, 1, 64)
    last = replace(contributed.layers[2], state=contributed.layers[2].state + more)
    after = attribute(
        llava, replace(contributed, layers=(*contributed.layers[:2], last), final=contributed.final + more)
    )
    torch.testing.assert_close(total(after), after.logit, atol=1e-4, rtol=1e-4)
    assert float(before.other.abs()) < 1e-5 < float(after.other.abs())
