"""Several animals: what is taken of what trackers offer."""

import numpy as np

from anipose.config import Triangulation
from anipose.individuals import animals_in_views
from anipose.poses import Poses2D
from herds import KEYPOINTS, walk_through
from synthetic import make_rig


def test_of_candidates_for_a_keypoint_of_one_of_several_the_likeliest_counts() -> None:
    """The tracker's first candidate is 50 px off, with a lower score than its second."""
    cameras, truth = make_rig(3), walk_through(2, 20)
    views = {}
    for camera in cameras:
        pixels, scores = camera.project(truth), np.full(truth.shape[:3], 0.9)
        views[camera.name] = {
            name: (
                Poses2D(KEYPOINTS, pixels[:, place] + 50, scores[:, place] - 0.2),
                Poses2D(KEYPOINTS, pixels[:, place], scores[:, place]),
            )
            for place, name in enumerate(("anna", "berta"))
        }
    found = animals_in_views(cameras, views, Triangulation())
    for place, name in enumerate(("anna", "berta")):
        np.testing.assert_allclose(found[name].points, cameras.project(truth[:, place]), atol=1e-9)
