"""Correlations of attention rows."""

from __future__ import annotations

import numpy as np
import pytest

from core.causal.correlation import LEAST_EIGENVALUE, regularised, row_correlation, sink
from core.errors import CausalError
from tests.causal.worlds import attention


def test_it_is_the_uncentred_normalised_product_over_all_keys() -> None:
    rows = attention(0, 5)
    product = rows @ rows.T
    expected = product / np.sqrt(np.outer(np.diag(product), np.diag(product)))
    assert np.abs(row_correlation(rows) - expected).max() < 1e-12
    assert not np.allclose(row_correlation(rows), np.corrcoef(rows))


def test_leaving_out_a_key_is_not_counting_its_column() -> None:
    rows = attention(1, 5)
    assert np.allclose(row_correlation(rows, 2), row_correlation(np.delete(rows, 2, axis=1)))


def test_half_precision_rows_are_multiplied_in_double() -> None:
    rows = attention(2, 6).astype(np.float16)
    assert row_correlation(rows).dtype == np.float64
    assert np.abs(row_correlation(rows) - row_correlation(rows.astype(np.float64))).max() == 0


def test_a_sink_is_the_key_that_takes_a_large_part_of_an_average_row() -> None:
    rows = attention(3, 6)
    assert sink(rows) is None
    heavy = 0.4 * rows
    heavy[:, 7] += 0.6
    assert sink(heavy) == 7
    assert sink(np.zeros((3, 4))) is None


def test_an_empty_row_correlates_with_nothing() -> None:
    rows = attention(4, 4)
    rows[2] = 0
    correlation = row_correlation(rows)
    assert np.array_equal(correlation[2], [0, 0, 1, 0])


def test_a_regular_matrix_is_left_alone_and_a_singular_one_lifted_just_enough() -> None:
    regular = row_correlation(attention(5, 5))
    assert regularised(regular)[1] == 0
    assert regularised(regular)[0] is regular
    constant = row_correlation(np.full((6, 9), 1 / 9))
    lifted, ridge = regularised(constant)
    assert ridge > 0
    assert np.linalg.eigvalsh(lifted)[0] == pytest.approx(LEAST_EIGENVALUE, rel=1e-3)
    assert np.allclose(np.diag(lifted), 1)


def test_a_given_ridge_is_added_to_the_diagonal() -> None:
    correlation = row_correlation(attention(6, 5))
    lifted, ridge = regularised(correlation, 0.25)
    assert ridge == 0.25
    assert np.allclose(lifted, (correlation + 0.25 * np.eye(5)) / 1.25)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused_with_a_sentence(bad: float) -> None:
    rows = attention(7, 4)
    rows[1, 0] = bad
    with pytest.raises(CausalError, match="not finite"):
        row_correlation(rows)
