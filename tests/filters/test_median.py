"""Jumps are found and filled; smooth motion passes unchanged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import medfilt

from anipose.filters.median import filter_median, filter_median_3d, running_median, symmetric_median

NAN = np.nan
N = 60


def _track() -> tuple[np.ndarray, np.ndarray]:
    """Two keypoints that move 2 px per frame along x = y and x = -y, with full confidence."""
    way = np.arange(N) * 2.0
    points = np.stack([np.stack([way, way], axis=-1), np.stack([way, -way], axis=-1)], axis=1)
    return points, np.ones((N, 2))


def _filter(points: np.ndarray, scores: np.ndarray, **changes: object):  # type: ignore[no-untyped-def]
    settings = {"size": 13, "offset_threshold": 25, "score_threshold": 0.1, "spline": True}
    return filter_median(points, scores, **(settings | changes))  # type: ignore[arg-type]


class TestFilterMedian:
    def test_smooth_motion_is_unchanged_up_to_the_ends(self) -> None:
        points, scores = _track()
        found = _filter(points, scores)
        np.testing.assert_array_equal(found.points, points)
        assert not found.dropped.any()
        assert not found.interpolated.any()

    @pytest.mark.parametrize("spline", [False, True])
    @pytest.mark.parametrize("frame", [1, 30, 31, 58])
    def test_jump_is_replaced(self, spline: bool, frame: int) -> None:
        points, scores = _track()
        truth = points.copy()
        points[frame, 1] += [200, -100]
        found = _filter(points, scores, spline=spline)
        np.testing.assert_allclose(found.points, truth, atol=1e-9)
        assert np.argwhere(found.dropped).tolist() == [[frame, 1]]
        assert np.argwhere(found.interpolated).tolist() == [[frame, 1]]

    @pytest.mark.parametrize("frame", [0, N - 1])
    def test_jump_at_the_ends_is_dropped_and_not_made_up(self, frame: int) -> None:
        points, scores = _track()
        points[frame, 0] += 200
        found = _filter(points, scores)
        assert np.argwhere(found.dropped).tolist() == [[frame, 0]]
        assert np.argwhere(np.isnan(found.points[..., 0])).tolist() == [[frame, 0]]
        assert not found.interpolated.any()

    def test_threshold_is_the_sum_over_x_and_y(self) -> None:
        points = np.zeros((N, 1, 2))
        points[20, 0], points[40, 0] = [12, 12.9], [12, 13]
        found = _filter(points, np.ones((N, 1)), offset_threshold=25)
        assert np.flatnonzero(found.dropped).tolist() == [40]

    def test_low_score_is_dropped_wherever_the_point_is(self) -> None:
        points, scores = _track()
        scores[10, 0], scores[11, 0] = 0.05, 0.1
        found = _filter(points, scores)
        assert np.argwhere(found.dropped).tolist() == [[10, 0]]
        np.testing.assert_allclose(found.points, points, atol=1e-9)

    def test_lost_points_do_not_hide_good_ones(self) -> None:
        """In a window of 5, 3 points with a low score are far away; the other 2 are right."""
        points, scores = _track()
        points[20:23, 0] += 500
        scores[20:23, 0] = 0.01
        found = _filter(points, scores, size=5)
        assert np.argwhere(found.dropped).tolist() == [[20, 0], [21, 0], [22, 0]]

    def test_missing_points_are_filled(self) -> None:
        points, scores = _track()
        truth = points.copy()
        points[20:25, 0], scores[20:25, 0] = NAN, NAN
        found = _filter(points, scores)
        np.testing.assert_allclose(found.points, truth, atol=1e-9)
        assert not found.dropped.any()
        assert np.flatnonzero(found.interpolated[:, 0]).tolist() == [20, 21, 22, 23, 24]

    def test_long_gaps_stay_empty(self) -> None:
        points, scores = _track()
        points[20:25, 0], points[40, 0] = NAN, NAN
        found = _filter(points, scores, max_gap=4)
        assert np.flatnonzero(found.interpolated[:, 0]).tolist() == [40]
        assert np.isnan(found.points[20:25, 0]).all()

    @pytest.mark.parametrize(("n_good", "filled"), [(N // 2, False), (N // 2 + 1, True)])
    def test_mostly_lost_keypoint_is_not_filled(self, n_good: int, filled: bool) -> None:
        points, scores = _track()
        lost = np.arange(2, 2 + N - n_good)
        scores[lost, 0] = 0
        found = _filter(points, scores)
        assert found.interpolated[:, 0].any() == filled
        np.testing.assert_array_equal(found.points[-5:], points[-5:])

    def test_five_good_points_are_too_few(self) -> None:
        found = _filter(
            np.arange(7.0)[:, None, None] * [1, 1], np.array([[1], [1], [0], [1], [1], [0], [1.0]])
        )
        assert not found.interpolated.any()
        found = _filter(
            np.arange(8.0)[:, None, None] * [1, 1], np.array([[1], [1], [0], [1], [1], [0], [1], [1.0]])
        )
        assert found.interpolated.sum() == 2

    @pytest.mark.parametrize("size", [0, 1])
    def test_size_of_one_keeps_jumps(self, size: int) -> None:
        points, scores = _track()
        points[30] += 500
        found = _filter(points, scores, size=size)
        np.testing.assert_array_equal(found.points, points)

    @settings(max_examples=100, deadline=None)
    @given(
        points=hnp.arrays(
            float,
            st.tuples(st.integers(0, 15), st.integers(1, 2), st.just(2)),
            elements=st.one_of(st.just(NAN), st.floats(-500, 500)),
        ),
        size=st.sampled_from([0, 1, 3, 7, 31]),
        spline=st.booleans(),
        max_gap=st.none() | st.integers(0, 4),
        data=st.data(),
    )
    def test_whatever_is_missing(
        self, points: np.ndarray, size: int, spline: bool, max_gap: int | None, data: st.DataObject
    ) -> None:
        scores = data.draw(
            hnp.arrays(float, points.shape[:2], elements=st.one_of(st.just(NAN), st.floats(0, 1)))
        )
        found = _filter(points, scores, size=size, spline=spline, max_gap=max_gap)
        present = np.isfinite(points).all(axis=-1)
        kept = present & ~found.dropped
        assert not (found.dropped & ~present).any()
        assert not (found.interpolated & kept).any()
        np.testing.assert_array_equal(found.points[kept], points[kept])
        np.testing.assert_array_equal(np.isfinite(found.points).all(axis=-1), kept | found.interpolated)
        np.testing.assert_array_equal(np.isnan(found.points).all(axis=-1), ~(kept | found.interpolated))


class TestFilterMedian3D:
    @staticmethod
    def _track() -> tuple[np.ndarray, np.ndarray]:
        """One keypoint that moves by (1, 2, 3) per frame."""
        return np.arange(40.0)[:, None, None] * [1, 2, 3], np.ones((40, 1))

    def test_steady_motion_is_unchanged_up_to_the_ends(self) -> None:
        points, errors = self._track()
        found = filter_median_3d(points, errors, size=17, offset_threshold=15)
        np.testing.assert_array_equal(found.points, points)

    def test_large_errors_are_replaced(self) -> None:
        points, errors = self._track()
        truth = points.copy()
        points[10:13] += 100
        errors[10:13, 0] = [15.1, NAN, 100]
        errors[20] = 15
        found = filter_median_3d(points, errors, size=5, offset_threshold=15)
        np.testing.assert_allclose(found.points, truth, atol=1e-9)
        assert np.flatnonzero(found.dropped).tolist() == [10, 11, 12]
        assert np.flatnonzero(found.interpolated).tolist() == [10, 11, 12]

    def test_single_jumps_are_smoothed_away(self) -> None:
        points, errors = self._track()
        truth = points.copy()
        points[20] += 100
        found = filter_median_3d(points, errors, size=5, offset_threshold=15)
        # The median of a rising series with one value replaced by a large one is off by one step at most.
        assert np.abs(found.points - truth).max(axis=(0, 1)).tolist() == [1, 2, 3]

    def test_ends_are_not_made_up(self) -> None:
        points, errors = self._track()
        errors[:5], errors[-3:] = NAN, 99
        found = filter_median_3d(points, errors, size=17, offset_threshold=15)
        assert np.flatnonzero(np.isnan(found.points[:, 0, 0])).tolist() == [0, 1, 2, 3, 4, 37, 38, 39]
        np.testing.assert_array_equal(found.points[5:37], points[5:37])

    @pytest.mark.parametrize(("n_missing", "filled"), [(34, True), (35, False)])
    def test_at_most_85_percent_may_be_missing(self, n_missing: int, filled: bool) -> None:
        points, errors = self._track()
        errors[1 : 1 + n_missing] = NAN
        found = filter_median_3d(points, errors, size=5, offset_threshold=15)
        assert found.interpolated.any() == filled

    def test_long_gaps_stay_empty(self) -> None:
        points, errors = self._track()
        errors[10:14] = NAN
        found = filter_median_3d(points, errors, size=5, offset_threshold=15, max_gap=3)
        assert np.flatnonzero(np.isnan(found.points[:, 0, 0])).tolist() == [10, 11, 12, 13]
        np.testing.assert_array_equal(found.points[14:], points[14:])

    @settings(max_examples=100, deadline=None)
    @given(
        points=hnp.arrays(
            float,
            st.tuples(st.integers(0, 15), st.integers(1, 2), st.just(3)),
            elements=st.one_of(st.just(NAN), st.floats(-500, 500)),
        ),
        size=st.sampled_from([0, 1, 3, 17]),
        data=st.data(),
    )
    def test_whatever_is_missing(self, points: np.ndarray, size: int, data: st.DataObject) -> None:
        errors = data.draw(
            hnp.arrays(float, points.shape[:2], elements=st.one_of(st.just(NAN), st.floats(0, 30)))
        )
        found = filter_median_3d(points, errors, size=size, offset_threshold=15)
        good = np.isfinite(points).all(axis=-1) & (errors <= 15)
        np.testing.assert_array_equal(np.isfinite(found.points).all(axis=-1), good | found.interpolated)
        for keypoint in range(points.shape[1]):
            seen = np.flatnonzero(good[:, keypoint])
            known = found.points[np.isfinite(found.points[:, keypoint, 0]), keypoint]
            if len(seen):  # a median of straight lines between points stays among them
                assert (known >= points[seen, keypoint].min(axis=0) - 1e-9).all()
                assert (known <= points[seen, keypoint].max(axis=0) + 1e-9).all()


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("median", [running_median, symmetric_median])
def test_medians_inside_are_those_of_scipy(median, size: int) -> None:  # type: ignore[no-untyped-def]
    values = np.random.default_rng(0).normal(size=(50, 2))
    expected = np.stack([medfilt(column, size) for column in values.T], axis=-1)
    inside = slice(size // 2, 50 - size // 2)
    np.testing.assert_array_equal(median(values, size)[inside], expected[inside])


def test_window_longer_than_the_recording() -> None:
    """Then it is the median of everything that is there, in every frame, and needs no more memory."""
    values = np.random.default_rng(1).normal(size=(3000, 1))
    assert (running_median(values, 10**9 + 1) == np.median(values)).all()


def test_medians_at_the_ends() -> None:
    values = np.array([[5.0], [1.0], [3.0], [9.0], [NAN], [7.0]])
    assert running_median(values, 5).ravel().tolist() == [3, 4, 4, 5, 7, 8]
    found = symmetric_median(values, 5).ravel()
    np.testing.assert_array_equal(found, [5, 3, 3, 7, NAN, 7])
