"""Pictures that show a part of what was calibrated, or show it with fewer pixels.

The centre of a pixel has a whole number. A picture whose pixels are s times as wide as those that were
calibrated, and whose left edge is at x0 - 1/2 of these, has its pixel u at x0 - 1/2 + (u + 1/2) s.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Camera

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PictureWindow:
    """What a recorded picture shows of the calibrated one.

    Attributes:
        corner: (x, y), its first pixel, in calibrated pixels, were it not binned.
        extent: (width, height), of the part that it shows, in calibrated pixels.
        size: (width, height), of the picture, in its own pixels.
    """

    corner: tuple[float, float]
    extent: tuple[float, float]
    size: tuple[int, int]

    @property
    def factors(self) -> tuple[float, float]:
        """How many calibrated pixels one pixel is wide and high."""
        return self.extent[0] / self.size[0], self.extent[1] / self.size[1]

    def to_calibrated(self, points: Float[Array, "*batch 2"]) -> Float[Array, "*batch 2"]:
        """Points of the picture, in calibrated pixels."""
        calibrated: Array = (points + 0.5) * np.array(self.factors) - 0.5 + np.array(self.corner)
        return calibrated

    def camera(self, calibrated: Camera) -> Camera:
        """The camera that takes this picture."""
        matrix = calibrated.matrix.copy()
        for axis, (corner, factor) in enumerate(zip(self.corner, self.factors, strict=True)):
            matrix[axis, axis] /= factor
            matrix[axis, 2] = (matrix[axis, 2] - corner + 0.5) / factor - 0.5
        return replace(calibrated, matrix=matrix, size=self.size)
