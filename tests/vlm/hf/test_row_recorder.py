"""Rows that are computed together are those of each pass by itself."""

from __future__ import annotations

import torch

from core.vlm.hf.capture import recording
from core.vlm.hf.row_recorder import AT_ONCE, RowRecorder

HEADS, GROUPS, SIZE, PROMPT = 4, 2, 8, 5


def test_rows_of_several_passes_are_those_of_each_where_keys_grow_and_where_they_slide() -> None:
    numbers = torch.Generator().manual_seed(0)
    tokens, window = 2 * AT_ONCE + 3, AT_ONCE + 9
    recorder, expected = RowRecorder(1, tokens, PROMPT + tokens), []
    keys = torch.randn(1, GROUPS, PROMPT, SIZE, generator=numbers)
    for number in range(tokens):
        queries = torch.randn(1, HEADS, 1 if number else PROMPT, SIZE, generator=numbers)
        with recording(recorder):
            recorder.follow(0, queries, keys, 0.5)
        repeated = keys[0].double().repeat_interleave(HEADS // GROUPS, 0)
        expected.append((queries[0, :, -1:].double() @ repeated.mT * 0.5).softmax(-1)[:, 0])
        keys = torch.cat([keys, torch.randn(1, GROUPS, 1, SIZE, generator=numbers)], 2)[:, :, -window:]
    rows = recorder.rows(tokens, PROMPT + tokens)
    assert rows is not None
    for number, row in enumerate(expected):
        torch.testing.assert_close(rows.weights[0, :, number, : row.shape[1]].double(), row, atol=1e-6, rtol=0.0)
        assert not rows.weights[0, :, number, row.shape[1] :].any()
