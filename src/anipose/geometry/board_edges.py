"""Distances on boards, triangulated without knowing the board: against the truth, and against their noise."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.intrinsics import noise_of
from anipose.geometry.triangulation import triangulate

Array = NDArray[np.float64]

# A normal number is taken for so many equally likely values.
N_QUANTILES = 25


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of neighbouring corners of a board.

    Attributes:
        corners: numbers of the two.
        lengths: as the board should be printed.
        actual: as the board seems to be.
    """

    corners: Int[NDArray[np.int64], "edge 2"]
    lengths: Float[Array, "edge"]
    actual: Float[Array, "edge"]

    @property
    def misprint(self) -> Float[Array, "edge"]:
        """How much longer each is than it should be, relative."""
        return self.actual / self.lengths - 1


def edges_of(
    neighbours: Int[NDArray[np.int64], "edge 2"],
    points: Float[Array, "corner 3"],
    actual: Float[Array, "corner 3"],
) -> Edges:
    """The edges between neighbours, of a board that should have its corners at `points`."""
    return Edges(neighbours, _apart(points, neighbours), _apart(actual, neighbours))


def _apart(
    points: Float[Array, "*batch corner 3"], pairs: Int[NDArray[np.int64], "edge 2"]
) -> Float[Array, "*batch edge"]:
    lengths: Array = np.linalg.norm(points[..., pairs[:, 0], :] - points[..., pairs[:, 1], :], axis=-1)
    return lengths


def edge_lengths(
    cameras: Cameras, corners: Float[Array, "camera frame corner 2"], edges: Edges
) -> Float[Array, "frame edge"]:
    """How long edges are between triangulated corners; NaN where one of them is not seen twice."""
    return _apart(triangulate(cameras, corners), edges.corners)


def edge_noise_px(errors: Float[Array, "*batch corner 2"], edges: Edges) -> float:
    """Noise of corners, from how much the errors of neighbours differ: what they have in common, such as a
    board that was elsewhere when another camera took its picture, does not change their distance.
    """
    a, b = edges.corners.T
    return noise_of((errors[..., a, :] - errors[..., b, :]) / np.sqrt(2))


def edge_deviations(
    cameras: Cameras, corners: Float[Array, "camera frame corner 2"], edges: Edges, noise_px: float
) -> Float[Array, "frame edge"]:
    """Standard deviations of `edge_lengths` if corners have this noise and nothing else is wrong."""
    found = triangulate(cameras, corners)
    curvature = np.zeros((*found.shape, 3))
    for camera, seen in zip(cameras, np.isfinite(corners[..., 0]), strict=True):
        _, by_point = camera.project_with_jacobian(found)
        curvature += np.where(seen[..., None, None], np.swapaxes(by_point, -1, -2) @ by_point, 0.0)
    known = np.asarray(np.isfinite(curvature).all((-1, -2)) & np.isfinite(found).all(-1))
    curvature[~known] = np.eye(3)
    spread = np.where(known[..., None, None], np.linalg.inv(curvature), np.nan)
    a, b = edges.corners.T
    along = found[:, a] - found[:, b]
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    variance = np.einsum("fei,feij,fej->fe", along, spread[:, a] + spread[:, b], along)
    deviations: Array = noise_px * np.sqrt(variance)
    return deviations


def expected_error(means: Float[Array, "edge"] | float, deviations: Float[Array, "edge"]) -> float:
    """The median of the absolute values of normal numbers with these means and deviations."""
    levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    quantiles = ndtri(levels)[:, None]
    return float(np.median(np.abs(means + deviations * quantiles)))
