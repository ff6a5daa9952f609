"""What filters change is counted, and they work one after the other, with several candidates."""

import numpy as np

from anipose.config import Filter
from anipose.filters.point_autoencoder import PointAutoencoder
from anipose.filters.score_autoencoder import Network, ScoreAutoencoder
from anipose.poses import Candidates2D
from anipose.repair import Autoencoders, repair

NAN = np.nan


def line(n_frames: int = 20) -> np.ndarray:
    """A keypoint that moves a pixel a frame along x = y: (frame, 1, 1, 2)."""
    return np.repeat(np.arange(n_frames, dtype=float)[:, None, None, None], 2, axis=-1)


def test_changes_of_each_filter_are_counted() -> None:
    points, scores = line(), np.full((20, 1, 1), 0.9)
    points[5], points[9] = 500, NAN
    scores[9], scores[12] = NAN, 0.01
    table = Filter(type=("medfilt",), medfilt=5, score_threshold=0.05, spline=False)
    poses, changes = repair(Candidates2D(("nose",), points, scores), table, Autoencoders())
    np.testing.assert_allclose(poses.points, line()[:, :, 0], atol=1e-9)
    (change,) = changes
    # Frame 12 was on its place, with a low score: what comes in for it is the same.
    assert (change.filter, change.keypoint, change.frames) == ("medfilt", "nose", 20)
    assert (change.dropped, change.filled, change.moved) == (0, 1, 1)
    assert change.replaced == 0.1


def test_viterbi_has_all_candidates_and_medfilt_its_result() -> None:
    """The best candidate of frame 7 is a decoy; the second is right."""
    points = np.repeat(line(), 2, axis=2)
    points[:, :, 1] = NAN
    points[7, 0] = [[300, 300], [7, 7]]
    scores = np.full((20, 1, 2), 0.8)
    scores[:, :, 1] = NAN
    scores[7, 0] = [0.9, 0.5]
    tracked = Candidates2D(("nose",), points, scores)
    poses, changes = repair(tracked, Filter(type=("viterbi", "medfilt"), medfilt=3), Autoencoders())
    np.testing.assert_allclose(poses.points, line()[:, :, 0])
    assert [(change.filter, change.moved) for change in changes] == [("viterbi", 1), ("medfilt", 0)]
    assert poses.scores[7, 0] == 0.5


def test_autoencoder_knows_other_keypoints_than_this_camera() -> None:
    """This network says of every keypoint that it is not there; the tail it does not know."""
    nothing = Network(np.zeros((2, 1)), np.zeros(1), np.zeros((1, 2)), np.full(2, -20.0))
    model = ScoreAutoencoder(("nose", "paw"), nothing)
    tracked = Candidates2D(("tail", "nose"), np.zeros((3, 2, 1, 2)), np.full((3, 2, 1), 0.9))
    poses, changes = repair(tracked, Filter(type=("autoencoder",)), Autoencoders(scores=model))
    np.testing.assert_array_equal(poses.scores[:, 0], 0.9)
    assert (poses.scores[:, 1] < 0.01).all()
    assert [(change.keypoint, change.rescored) for change in changes] == [("tail", 0), ("nose", 3)]


def test_autoencoder_of_points_leaves_keypoints_it_does_not_know() -> None:
    """This model knows a square; the tracker of this camera knows a tail, too, and has lost a corner once."""
    square = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) / np.sqrt(2)
    model = PointAutoencoder(tuple("abcd"), square, 1e-6 * np.eye(8), np.ones(4), np.ones(4))
    points = np.zeros((20, 5, 1, 2))
    points[:, :, 0] = [[10, 10], [50, 10], [50, 50], [10, 50], [900, 900]]
    scores = np.full((20, 5, 1), 0.9)
    points[3, 2], scores[3, 2] = [200, 200], 0.01
    tracked = Candidates2D(tuple("abcdz"), points, scores)
    poses, _ = repair(tracked, Filter(type=("autoencoder_points",)), Autoencoders(points=model))
    np.testing.assert_array_equal(poses.points[3, [0, 1, 3, 4]], points[3, [0, 1, 3, 4], 0])
    np.testing.assert_allclose(poses.points[3, 2], [50, 50], atol=1e-3)
    assert poses.scores[3, 2] == 0.05
