"""Findings on the Mechanisms page without a browser: told with verdict and rule, measured again on demand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.cases.findings.finding import Quantity
from core.cases.findings.report import Findings, Report
from core.statistics.estimate import Estimate
from core.ui.mechanisms import findings
from core.vlm.hf.network import TransformersModel
from tests.ui.charts import told
from tests.ui.mechanisms import (
    App,
    captions,
    exchange_of,
    opened,
    said,
)


def found(model: TransformersModel) -> Findings:
    """A run with one finding of each verdict."""
    figures = (
        Quantity("share in common", "both", Estimate(0.9, 0.8, 1.0, 12, "share")),
        Quantity("share in common", "random", Estimate(0.3, float("nan"), float("nan"), 0, "share"), control=True),
        Quantity("share in common", "in nats", Estimate(4.2, 3.0, 5.0, 12, "nats")),
        Quantity("rank", "colours", Estimate(0.5, 0.4, 0.6, 12, "reciprocal rank"), at=1.0, axis="number of heads"),
    )
    reports = [
        Report(
            **{
                name: f"{name} {n}"
                for name in ("key", "title", "claim", "paper", "measured", "baseline", "rule", "caveat")
            },
            settings={"top": 10},
            reproduces=verdict,
            because=f"because <b>{n}</b>",
            asked=12,
            used=11,
            seconds=3.0,
            processor=2.0,
            figures=figures,
            heads={"raise *it*": [[0.1, -0.2]]},
        )
        for n, verdict in enumerate((True, False, None))
    ]
    card = model.card
    return Findings(
        "python -m it", card.fingerprint, card.name, "2026-01-02", 200, 60.0, 50.0, {"torch": "2"}, tuple(reports)
    )


def test_findings_are_told_with_verdict_rule_and_figures_also_without_an_answer(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "read_findings", lambda: found(llava))
    at = opened(app, None)
    verdicts = "\n".join(entry.value for entry in at.markdown).replace("\\", "")
    for n, verdict in enumerate(("reproduces here", "does not reproduce here", "cannot be told")):
        assert f"**title {n}**: {verdict}" in verdicts
    assert "because <b>1</b>" in said(at) and "2026-01-02" in captions(at) and "200 scenes" in captions(at)
    assert at.code[0].value == "python -m it" and "rule 0" in verdicts and "caveat 0" in captions(at)
    assert {row["value"] for row in told(at, "share") if "name" in row} == {0.9, 0.3}, "nats have an axis of their own"
    assert {row["value"] for row in told(at, "nats") if "name" in row} == {4.2}
    assert [row["at"] for row in told(at, "number of heads")] == [1.0]
    at.selectbox(key="findings_chosen").select("key 2").run()
    assert "rule 2" in "\n".join(entry.value for entry in at.markdown)


def test_findings_of_another_model_are_not_this_ones(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "read_findings", lambda: replace(found(llava), model="another"))
    at = opened(app, exchange_of(llava), "findings")
    assert any("Nothing has been measured" in info.value for info in at.info)


def test_findings_are_measured_again_with_fewer_scenes_and_put_back(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, int]] = []

    def run(model: TransformersModel, journal: Path, scenes: int, **named: object) -> Findings:
        asked.append((journal.name, scenes))
        return replace(found(model), scenes=scenes)

    monkeypatch.setattr(findings, "read_findings", lambda: found(llava))
    monkeypatch.setattr(findings, "run_findings", run)
    at = opened(app, exchange_of(llava), "findings")
    at.number_input(key="findings_scenes").set_value(7).run()
    at.button(key="findings_again").click().run()
    assert asked == [(f"{llava.card.fingerprint[:16]}.jsonl", 7)] and "7 scenes" in captions(at)
    at.button(key="findings_back").click().run()
    assert "200 scenes" in captions(at)
