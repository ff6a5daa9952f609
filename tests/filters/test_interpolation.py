"""Gaps are filled between good samples, and nothing is made up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.polynomial import Polynomial

from anipose.filters.interpolation import gap_lengths, interpolate_gaps

NAN = np.nan
FRAMES = np.arange(20.0)


def _without(values: np.ndarray, *frames: int) -> tuple[np.ndarray, np.ndarray]:
    bad = np.isin(np.arange(len(values)), frames)
    return np.where(bad[:, None], 1e6, values), bad


def test_straight_line_is_restored_exactly() -> None:
    line = np.stack([FRAMES, 3 - 2 * FRAMES], axis=-1)
    found, filled = interpolate_gaps(*_without(line, 3, 4, 10), method="linear")
    np.testing.assert_array_equal(found, line)
    assert np.flatnonzero(filled).tolist() == [3, 4, 10]


def test_cubic_is_restored_by_the_spline() -> None:
    cubic = Polynomial([1, -2, 0.3, 0.01])(FRAMES)[:, None]
    found, _ = interpolate_gaps(*_without(cubic, 3, 4, 5, 10), method="cubic")
    np.testing.assert_allclose(found, cubic, atol=1e-12)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_nothing_is_made_up_beyond_the_ends(method: str) -> None:
    values, bad = _without(FRAMES[:, None], 0, 1, 18, 19)
    found, filled = interpolate_gaps(values, bad, method=method)  # type: ignore[arg-type]
    assert np.flatnonzero(np.isnan(found)).tolist() == [0, 1, 18, 19]
    assert not filled.any()


def test_long_gaps_stay_empty() -> None:
    values, bad = _without(FRAMES[:, None], 2, 5, 6, 10, 11, 12)
    found, filled = interpolate_gaps(values, bad, method="linear", max_gap=2)
    assert np.flatnonzero(np.isnan(found)).tolist() == [10, 11, 12]
    assert np.flatnonzero(filled).tolist() == [2, 5, 6]
    assert not interpolate_gaps(values, bad, method="linear", max_gap=0)[1].any()


def test_missing_coordinate_makes_a_sample_bad() -> None:
    values = np.array([[0.0, 0], [1, NAN], [2, 4]])
    found, filled = interpolate_gaps(values, np.zeros(3, bool), method="linear")
    assert found.tolist() == [[0, 0], [1, 2], [2, 4]]
    assert filled.tolist() == [False, True, False]


def test_few_samples_are_joined_by_straight_lines() -> None:
    values = np.array([[0.0], [NAN], [4.0]])
    found, _ = interpolate_gaps(values, np.zeros(3, bool), method="cubic")
    assert found.ravel().tolist() == [0, 2, 4]


@given(
    values=hnp.arrays(
        float,
        st.tuples(st.integers(0, 12), st.integers(1, 3)),
        elements=st.one_of(st.just(NAN), st.floats(-1e3, 1e3)),
    ),
    method=st.sampled_from(["linear", "cubic"]),
    max_gap=st.none() | st.integers(0, 5),
    data=st.data(),
)
def test_whatever_is_missing(
    values: np.ndarray, method: str, max_gap: int | None, data: st.DataObject
) -> None:
    bad = data.draw(hnp.arrays(bool, len(values)))
    found, filled = interpolate_gaps(values, bad, method=method, max_gap=max_gap)  # type: ignore[arg-type]

    missing = bad | np.isnan(values).any(axis=1)
    np.testing.assert_array_equal(found[~missing], values[~missing])
    assert np.isfinite(found[filled]).all()
    assert np.isnan(found[missing & ~filled]).all()
    good = np.flatnonzero(~missing)
    for frame in range(len(values)):
        inside = len(good) > 0 and good[0] < frame < good[-1]
        short = max_gap is None or gap_lengths(missing)[frame] <= max_gap
        assert filled[frame] == (missing[frame] and inside and short)
