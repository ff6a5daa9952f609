"""Views of a flat board by one camera: wrong corners, and where the board is.

cv2's numeric functions are used here alone (and its homography when boards are looked for).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.lenses import lens
from anipose.geometry.transforms import rigid, rotation_matrix

Array = NDArray[np.float64]

# Fewer corners do not tell a wrong one from right ones.
MIN_CORNERS = 6
# Smallest ratio of the eighth to the first singular value of the equations of a homography. All corners on
# one line: 0. Two complete rows of a 10 x 7 board: 0.01.
MIN_CONDITION = 1e-3
RANSAC_ITERATIONS, RANSAC_CONFIDENCE = 300, 0.999
# cv2's generator of random samples starts here, for the same result each time.
SEED = 1
# The mirrored solution of a planar pose is kept if its error is at most so many times the best one's:
# other cameras decide between them later.
AMBIGUITY_RATIO = 3.0
# Features in which chosen views should differ: a change of scale or shape by a factor e is as much as
# a shift by half of the picture.
SHIFT_WEIGHT = 2.0


@dataclass(frozen=True, eq=False)
class Seen:
    """The boards that one camera saw.

    Attributes:
        frames: (found,), numbers of the frames, the same in all cameras.
        corners: (found, corner, 2), pixels; NaN where a corner was not seen.
        size: (width, height) of the picture.
        n_frames: how many frames were looked at; only for messages.
    """

    frames: Int[NDArray[np.int64], "found"]
    corners: Float[Array, "found corner 2"]
    size: tuple[int, int]
    n_frames: int | None = None


def fixes_homography(points: Float[Array, "corner 3"], *, n_corners: int = MIN_CORNERS) -> bool:
    """Whether a view of these corners fixes the homography from the board to the picture.

    Views that do not (few corners, all but one on a line) are useless, and harmful in a fit. Of a single
    marker, which has but four (`n_corners`), all are needed.
    """
    if len(points) < min(MIN_CORNERS, n_corners):
        return False
    centred = points[:, :2] - points[:, :2].mean(0)
    x, y = (centred / np.abs(centred).max()).T
    equations = _homography_equations(x, y, x, y, np.ones_like(x))
    values = np.linalg.eigvalsh(equations.T @ equations)  # ascending; the first is 0: the homography itself
    return bool(values[1] > MIN_CONDITION**2 * values[-1])


def _homography_equations(
    x: Float[Array, "*view corner"],
    y: Float[Array, "*view corner"],
    u: Float[Array, "*view corner"],
    v: Float[Array, "*view corner"],
    seen: Float[Array, "*view corner"],
) -> Float[Array, "*view equation 9"]:
    """Linear equations of the homography from (x, y) to (u, v), all of them 0 where `seen` is 0."""
    zero = np.zeros_like(x)
    rows = [
        [x, y, seen, zero, zero, zero, -u * x, -u * y, -u],
        [zero, zero, zero, x, y, seen, -v * x, -v * y, -v],
    ]
    return np.concatenate([np.stack(row, axis=-1) for row in rows], axis=-2)


def normalise(
    corners: Float[Array, "*batch 2"], intrinsics: Float[Array, "9"], *, fisheye: bool
) -> Float[Array, "*batch 2"]:
    """Directions (X/Z, Y/Z) in the camera of pixels; NaN where no ray leads to a pixel."""
    x, y = ((corners[..., axis] - intrinsics[2 + axis]) / intrinsics[axis] for axis in (0, 1))
    coefficients = intrinsics[4 : 8 if fisheye else 9]
    return np.stack(lens(coefficients, fisheye=fisheye).undistort(x, y), -1)


def agreeing_corners(
    corners: Float[Array, "view corner 2"], points: Float[Array, "corner 3"], threshold: Float[Array, "view"]
) -> Bool[NDArray[np.bool_], "view corner"]:
    """The corners that one homography per view explains to within the threshold, in the unit of `corners`."""
    agree = np.zeros(corners.shape[:2], bool)
    enough = min(MIN_CORNERS, len(points))
    for view, limit in enumerate(threshold):
        seen = np.flatnonzero(np.isfinite(corners[view, :, 0]))
        if len(seen) < enough:
            continue
        cv2.setRNGSeed(SEED)
        _, inside = cv2.findHomography(
            points[seen, :2], corners[view, seen], cv2.RANSAC, float(limit),
            maxIters=RANSAC_ITERATIONS, confidence=RANSAC_CONFIDENCE,
        )  # fmt: skip
        if inside is not None and inside.sum() >= enough:
            agree[view, seen] = inside.ravel().astype(bool)
    return agree


def diagonal(corners: Float[Array, "view corner 2"]) -> Float[Array, "view"]:
    """Size of the board in the picture, which a few wrong corners do not change."""
    low, high = np.nanquantile(corners, (0.1, 0.9), axis=1)
    size: Array = np.linalg.norm(high - low, axis=-1) / 0.8
    return size


def planar_poses(
    directions: Float[Array, "corner 2"], points: Float[Array, "corner 3"]
) -> tuple[Float[Array, "candidate 3 4"], Float[Array, "candidate"]]:
    """cam_from_board of a view, and the error of each: one or two candidates, best first; or none.

    A board seen from far looks nearly the same when mirrored about the line of sight, hence two.

    References:
        Collins & Bartoli, Infinitesimal plane-based pose estimation, IJCV 109 (2014).
    """
    seen = np.isfinite(directions[:, 0])
    if seen.sum() < min(MIN_CORNERS, len(points)):
        return np.empty((0, 3, 4)), np.empty(0)
    flat = points[seen] * (1.0, 1.0, 0.0)
    _, vectors, translations, errors = cv2.solvePnPGeneric(
        flat, directions[seen], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    if not len(vectors):
        return np.empty((0, 3, 4)), np.empty(0)
    poses = rigid(rotation_matrix(np.reshape(vectors, (-1, 3))), np.reshape(translations, (-1, 3)))
    error = np.ravel(errors)
    in_front = (points @ poses[:, 2, :3].T + poses[:, 2, 3] > 0)[seen].all(0)
    keep = np.isfinite(poses).all((1, 2)) & np.isfinite(error) & in_front
    keep &= error <= AMBIGUITY_RATIO * max(float(error.min()), 1e-12)
    order = np.flatnonzero(keep)[np.argsort(error[keep], kind="stable")]
    return poses[order], error[order]


def poses_from_homographies(
    directions: Float[Array, "view corner 2"], points: Float[Array, "corner 3"]
) -> Float[Array, "view 3 4"]:
    """cam_from_board of many views at once, by the linear homography of each; rough.

    With H = [h1 h2 h3] from the board to directions, h1 and h2 should be orthonormal up to scale; the
    nearest such pair is taken (polar decomposition).
    """
    seen = np.isfinite(directions[..., 0])
    one = seen.astype(float)
    centre = points[:, :2].mean(0)
    scale, reach = np.abs(points[:, :2] - centre).max(), np.nanmax(np.abs(directions), initial=1e-9)
    x, y = (one * along for along in (points[:, :2] - centre).T / scale)
    u, v = (np.where(seen, directions[..., axis], 0.0) / reach for axis in (0, 1))
    equations = _homography_equations(x, y, u, v, one)
    _, vectors = np.linalg.eigh(np.swapaxes(equations, 1, 2) @ equations)
    h = vectors[:, :, 0].reshape(-1, 3, 3) * np.array([reach, reach, 1.0])[:, None]
    h = h * np.where(h[:, 2:, 2:] < 0, -1.0, 1.0)
    left, size, right = np.linalg.svd(h[:, :, :2], full_matrices=False)
    pair = left @ right
    rotation = np.concatenate([pair, np.cross(pair[:, :, 0], pair[:, :, 1])[..., None]], axis=2)
    translation = h[:, :, 2] / size.mean(1, keepdims=True) * scale
    return rigid(rotation, translation - (rotation[:, :, :2] @ centre))


def view_features(
    corners: Float[Array, "view corner 2"], size: tuple[int, int]
) -> Float[Array, "view feature"]:
    """Place, scale and shape of views, in numbers of which 1 is a large difference (half of the picture)."""
    middle = np.nanmedian(corners, axis=1)
    off = corners - middle[:, None]
    spread = np.nanquantile(np.abs(off), 0.7, axis=1) + 1e-9
    slant = np.nanmedian(off[..., 0] * off[..., 1], axis=1) / spread.prod(1)
    return np.column_stack([SHIFT_WEIGHT * middle / max(size), np.log(spread), slant])


def spread_views(
    corners: Float[Array, "view corner 2"], size: tuple[int, int], count: int
) -> NDArray[np.intp]:
    """Views that differ most in place, scale and shape (farthest point sampling, from the fullest view)."""
    if len(corners) <= count:
        return np.arange(len(corners))
    features = view_features(corners, size)
    seen = np.isfinite(corners[..., 0]).sum(1)
    chosen = [int(np.argmax(seen))]
    distance = np.full(len(corners), np.inf)
    for _ in range(count - 1):
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(distance * np.sqrt(seen))))
    return np.array(sorted(set(chosen)))
