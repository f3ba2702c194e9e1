"""Every claim is found and says what it claims; a new file is all that a new one takes, wherever claims are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.claims.claim import Claim
from core.claims.registry import claims, claims_named
from core.claims.report import committed_results, verdict_of
from core.claims.run import run_claims
from core.vlm.hf.network import TransformersModel
from tests.claims.dropped import KEY, dropped

EXPECTED = (
    "text_over_image",
    "picture_free_circuit",
    "known_not_said",
    "recoloured_shirt",
    "search_distance",
    "shared_heads",
    "visual_words",
    "kept_heads",
    "true_ranking",
    "patch_maps",
    "absent_thing",
)


@pytest.fixture
def dropped_in(tmp_path: Path) -> Iterator[None]:
    with dropped(tmp_path):
        yield


def test_all_claims_are_found_in_the_order_that_they_declare() -> None:
    assert [key for key in claims() if key in EXPECTED] == list(EXPECTED)


@pytest.mark.parametrize("claim", claims().values(), ids=claims())
def test_every_claim_says_what_it_claims_and_how_it_judges(claim: Claim[Any]) -> None:
    told = (claim.name, claim.says, claim.paper, claim.measured, claim.control, claim.caveat)
    assert all(told) and claim.scenes > 0 and claim.shown > 0
    assert claim.rule.startswith("Reproduces where") and claim.link.startswith("https://")


def test_former_keys_name_the_claims_that_they_were_merged_into() -> None:
    assert list(claims_named(["hallucinated_object", "textual_visual"])) == ["shared_heads", "absent_thing"]
    with pytest.raises(ValueError, match="no claim 'none'"):
        claims_named(["none"])


def test_a_new_file_is_measured_and_until_then_not_measured_yet(dropped_in: None, llava: TransformersModel) -> None:
    claim = claims()[KEY]
    committed = committed_results()
    assert verdict_of(committed.of(claim) if committed else None) == "not measured yet"
    [report] = run_claims(llava, None, 12, [KEY]).reports
    assert (report.verdict, report.because) == ("reproduces", "12 numbers.")


def test_results_of_another_rule_are_not_this_claims(dropped_in: None, llava: TransformersModel) -> None:
    results, claim = run_claims(llava, None, 2, [KEY]), claims()[KEY]
    assert results.of(claim) is not None
    type(claim).rule = "Reproduces where it is another rule."
    assert results.of(claim) is None
