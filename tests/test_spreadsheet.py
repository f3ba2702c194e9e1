"""Tables hold no formula, whatever a model or a user wrote, and can be read again."""

from __future__ import annotations

import csv
import io
import json

import pytest

from core.spreadsheet import csv_table, harmless, record_line

BAD = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =1", "\t=1", "\r=1", "\ufeff=1", "＝1", "-x"]


@pytest.mark.parametrize("text", BAD)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_table(["a"], [[text]]).split("\n", 1)[1])))
    assert cell == f"'{text}".replace("\r", "\n")


@pytest.mark.parametrize("cell", ["house", "", "-0.5", "-inf", "nan", "1e-3", -0.5, None, "a=b", '"=1"'])
def test_everything_else_stays(cell: object) -> None:
    assert harmless(cell) == cell


@pytest.mark.parametrize("parted_by", [",", ";", "\t"])
def test_no_part_of_the_record_is_a_formula(parted_by: str) -> None:
    record = {"question": "x,=1+1,y;=2;\t=3\n=4", "answer": 'say "hi,=5"', "numbers": [1, -2]}
    line = record_line(record)
    assert json.loads(line[2:]) == record and line.count("\n") == 1
    assert not [part for part in line.split(parted_by) if part.lstrip().startswith(("=", "+", "@"))]
