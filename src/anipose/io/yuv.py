"""Pictures as video codecs keep them: yuv420p, brightness at full size and colour at half of it.

Drawing into these planes spares the way to blue, green and red and back, which costs as much as the drawing.
"""

from dataclasses import dataclass
from typing import Any, Self

import av
import cv2
import numpy as np

from anipose.arrays import NDArray

Plane = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Codes of ITU-T H.273 as FFmpeg has them. OpenCV's YUV conversions compute BT.601 in limited range.
BT709, BT601 = 1, 6
LIMITED_RANGE, FULL_RANGE = 1, 2

# Length of a line is a multiple of this, bytes.
_ALIGNMENT = 128

# A colour difference in limited range, by that in full range.
_LIMITED = np.rint(128 + (np.arange(256) - 128.0) * 224 / 255).astype(np.uint8)

# Parts of red and blue in the brightness.
_WEIGHTS = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114)}


@dataclass(frozen=True)
class ColourSpace:
    """How brightness and colour are written as numbers.

    Attributes:
        matrix: BT601 or BT709.
        full_range: whether brightness goes from 0 to 255 rather than from 16 to 235.
    """

    matrix: int = BT601
    full_range: bool = False

    @classmethod
    def of(cls, frame: Any) -> Self:
        """That of a decoded frame; FFmpeg's assumption, BT.601 in limited range, if it does not say."""
        full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
        return cls(BT709 if frame.colorspace == BT709 else BT601, full)

    @property
    def limited(self) -> "ColourSpace":
        return ColourSpace(self.matrix, False)

    def tones(self, colour: Colour) -> Colour:
        """Brightness and the two colour differences of a colour (blue, green, red), 0 to 255."""
        blue, green, red = (value / 255 for value in colour)
        of_red, of_blue = _WEIGHTS[self.matrix]
        luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
        u, v = (blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)
        if self.full_range:
            return round(255 * luma), round(128 + 255 * u), min(255, round(128 + 255 * v))
        return round(16 + 219 * luma), round(128 + 224 * u), round(128 + 224 * v)


@dataclass(frozen=True)
class Yuv:
    """A picture.

    Attributes:
        y: (height, width), brightness.
        u: (height / 2, width / 2), blue against the others; half sizes are rounded up.
        v: likewise, red against the others.
        space: what the numbers mean.
        frame: the frame of FFmpeg whose memory the planes are, if an encoder can take it.
    """

    y: Plane
    u: Plane
    v: Plane
    space: ColourSpace
    frame: Any = None

    @classmethod
    def blank(cls, size: tuple[int, int], space: ColourSpace, colour: Colour = (0, 0, 0)) -> Self:
        """A new picture of one colour; (width, height) have to be even."""
        width, height = size
        stride = -(-width // _ALIGNMENT) * _ALIGNMENT
        # x264 reads somewhat behind the end of lines and planes. What it finds there must not be left to
        # chance: the same pictures would not always give the same file.
        memory = np.zeros(stride * height * 3 // 2 + 2 * _ALIGNMENT, np.uint8)
        lines = memory[: stride * height * 3 // 2].reshape(-1, stride)
        frame = av.VideoFrame.from_numpy_buffer(lines, format="yuv420p", width=width)
        y = lines[:height, :width]
        halves = lines[height:].reshape(2, height // 2, stride // 2)
        u, v = halves[0, :, : width // 2], halves[1, :, : width // 2]
        picture = cls(y, u, v, space, frame)
        picture.fill(colour)
        return picture

    @classmethod
    def of_bgr(cls, image: Plane, space: ColourSpace) -> Self:
        """From (height, width, 3) blue, green, red; both sizes even."""
        if space == ColourSpace():
            y, u, v = _bt601(image)
            return cls(y, u, v, space)
        offset, matrix = _from_bgr(space)
        y = cv2.transform(image, np.column_stack([matrix[:1], offset[:1]]))
        half = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
        u, v = (cv2.transform(half, np.column_stack([matrix[k : k + 1], offset[k : k + 1]])) for k in (1, 2))
        return cls(y, u, v, space)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.y.shape[1], self.y.shape[0]

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        return self.y, self.u, self.v

    def part(self, left: int, top: int, size: tuple[int, int]) -> "Yuv":
        """A rectangle of this picture, in the same memory; all numbers have to be even."""
        y = self.y[top : top + size[1], left : left + size[0]]
        rows = slice(top // 2, (top + size[1]) // 2)
        columns = slice(left // 2, (left + size[0]) // 2)
        return Yuv(y, self.u[rows, columns], self.v[rows, columns], self.space)

    def paste(self, other: "Yuv") -> None:
        """Fill this picture with another, resized if it has another size; odd ones are padded."""
        if even(other.size) == self.size:
            for target, source in zip(self.planes, other.planes, strict=True):
                rows, columns = source.shape
                target[:rows, :columns] = source
                target[rows:, :columns] = source[-1:]
                target[:, columns:] = target[:, columns - 1 : columns]
            return
        smaller = self.size[0] < other.size[0]
        for target, source in zip(self.planes, other.planes, strict=True):
            how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            target[...] = cv2.resize(source, target.shape[::-1], interpolation=how)

    def fill(self, colour: Colour) -> None:
        for plane, tone in zip(self.planes, self.space.tones(colour), strict=True):
            plane[...] = tone

    def to_bgr(self) -> Plane:
        """(height, width, 3) blue, green, red."""
        channels = [self.y, *(cv2.resize(plane, self.size) for plane in (self.u, self.v))]
        offset, matrix = _from_bgr(self.space)
        inverse = np.linalg.inv(matrix)
        yuv = cv2.merge(channels)
        image: Plane = cv2.transform(yuv, np.column_stack([inverse, -inverse @ offset]))
        return image


def even(size: tuple[int, int]) -> tuple[int, int]:
    """The size rounded up to what yuv420p can have."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def _from_bgr(space: ColourSpace) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """offset, matrix with (y, u, v) = offset + matrix @ (blue, green, red)."""
    of_red, of_blue = _WEIGHTS[space.matrix]
    luma = np.array([of_blue, 1 - of_red - of_blue, of_red])
    u = (np.array([1.0, 0, 0]) - luma) / (2 - 2 * of_blue)
    v = (np.array([0, 0, 1.0]) - luma) / (2 - 2 * of_red)
    if space.full_range:
        return np.array([0.0, 128, 128]), np.stack([luma, u, v])
    return np.array([16.0, 128, 128]), np.stack([219 * luma, 224 * u, 224 * v]) / 255


def _bt601(image: Plane) -> tuple[Plane, Plane, Plane]:
    """By OpenCV's own conversion, which is faster than a matrix.

    It takes the colour of 2 x 2 pixels from the first of them, which would move all colours half a pixel to
    the right and down; here it is their mean.
    """
    height, width = image.shape[:2]
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    y = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)[:height]
    # In full range, and v before u.
    chroma = cv2.LUT(cv2.cvtColor(half, cv2.COLOR_BGR2YCrCb), _LIMITED)
    return y, chroma[..., 2], chroma[..., 1]
