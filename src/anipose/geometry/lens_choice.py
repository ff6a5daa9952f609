"""Which coefficients a lens needs: the fewest that explain what all cameras see.

The views of one camera, half of them held out, tell it only roughly. A coefficient too many does harm by its
error; one too few bends everything else.
"""

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.bundle import (
    K1,
    K2,
    N_POSE,
    Loss,
    Rig,
    Views,
    camera_covariance,
    camera_steps,
    normal_equations,
    own_blocks,
)
from anipose.geometry.calibration_start import PINHOLE_MODELS, Start
from anipose.geometry.intrinsics import LensModel, lens_freedom
from anipose.geometry.schur import without_frames

Array = NDArray[np.float64]

# p1, p2 and k3 are taken if they lower the squared errors, over the noise, by more than this (chance alone:
# by more than 16 once in a thousand times) and by more than this part of them: on real recordings errors of
# neighbouring corners are alike, so that chance does more.
MIN_GAIN, MIN_PART = 25.0, 0.01
MORE = slice(K1 + 2, K1 + 5)


def models_that_fit(
    start: Start,
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> list[LensModel]:
    """The models of the lenses; of lenses that are open, as all views together tell.

    Args:
        rig: that explains the views best, with the models of the start.
    """
    small, large = PINHOLE_MODELS
    models = [large if is_open else model for model, is_open in zip(start.models, start.open, strict=True)]
    moving = np.arange(len(models)) > 0
    freedom = lens_freedom(rig.intrinsics, start.sizes, models, moving=moving, known=start.known)
    equations = normal_equations(rig, views, points, freedom, loss, noise_px)
    matrix, right, _ = without_frames(equations)
    steps = camera_steps(freedom, np.linalg.solve(matrix, right).astype(np.float64))
    there = rig.intrinsics + steps[:, N_POSE:]
    spread = own_blocks(camera_covariance(freedom, equations))[:, N_POSE:, N_POSE:]
    for camera in np.flatnonzero(start.open):
        value, own = there[camera], spread[camera]
        to_nothing = np.linalg.solve(own[MORE, MORE], np.column_stack([value[MORE], own[MORE, K2]]))
        n_errors = 2 * int(np.isfinite(views.corners[views.camera == camera, :, 0]).sum())
        if value[MORE] @ to_nothing[:, 0] > max(MIN_GAIN, MIN_PART * n_errors):
            continue
        # without the others, k2 is what it is on condition that they are 0
        k2 = value[K2] - own[K2, MORE] @ to_nothing[:, 0]
        variance = own[K2, K2] - own[K2, MORE] @ to_nothing[:, 1]
        # one that is less than its standard deviation does more harm than good
        models[camera] = small if k2**2 > variance else "k1"
    return models
