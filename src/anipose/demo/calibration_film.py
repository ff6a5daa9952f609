"""Filming a calibration board that somebody moves about in front of all cameras of the demo."""

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from anipose.board_drawing import draw
from anipose.boards import CharucoBoard
from anipose.demo.render import Sensor, arena
from anipose.geometry.cameras import Camera
from anipose.geometry.transforms import rotation_matrix

BOARD = CharucoBoard(7, 5, square_length=13.0, marker_length=9.75, marker_bits=4, dictionary_size=50)
# Brightness of the print and of the back of the board, of 255.
INK, PAPER, BACK = 28, 222, 150
PIXELS_PER_MM, MARGIN_MM = 5.0, 5.0
# Each pixel is the mean of so many samples in each direction.
SAMPLES = 2


def board_poses(
    n_frames: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "frame 3 3"], Float[np.ndarray, "frame 3"]]:
    """world_from_board over time: lying face up, tilted one way after the other, near and far.

    The tilt goes around once while its size changes, so that every camera sees the board from straight
    on to steeply; its place and height change at other rates.
    """
    t = np.linspace(0, 1, n_frames, endpoint=False)
    phases = rng.uniform(0, 2 * np.pi, 5)
    waves = [
        np.sin(2 * np.pi * rate * t + phase) for rate, phase in zip((2, 3, 5, 7, 3), phases, strict=True)
    ]
    tilt, towards = 0.36 + 0.24 * waves[2], 2 * np.pi * 3 * t + phases[0]
    axis = np.column_stack([-np.sin(towards), np.cos(towards), np.zeros(n_frames)])
    # The board's z goes into it: face up means that it points down.
    face_up = np.diag([1.0, -1.0, -1.0])
    turn = rotation_matrix(np.column_stack([np.zeros((n_frames, 2)), 2 * np.pi * t + 0.5 * waves[4]]))
    rotation = rotation_matrix(tilt[:, None] * axis) @ turn @ face_up
    middle = np.column_stack([26 * waves[0], 26 * waves[1], 26 + 20 * waves[3]])
    width, height = BOARD.size
    return rotation, middle - rotation @ np.array([width / 2, height / 2, 0])


def film_board(
    camera: Camera, n_frames: int, motion: np.random.Generator, rng: np.random.Generator
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The frames of one camera; `motion` must be in the same state for all of them."""
    background = arena(camera)
    sensor = Sensor.random(camera.size, rng)
    rays = _sample_rays(camera)
    for rotation, origin in zip(*board_poses(n_frames, motion), strict=True):
        image = background.copy()
        faces_away = (camera.center - origin) @ rotation[:, 2] > 0
        _hold(image, _side(front=not faces_away), camera, rays, rotation, origin)
        yield sensor.expose(image, rng)


@lru_cache
def _side(*, front: bool) -> UInt8[np.ndarray, "row column 2"]:
    """A side of the board: its tone, and 255 for "covers what is behind"."""
    pattern = draw(BOARD, PIXELS_PER_MM, margin_px=round(MARGIN_MM * PIXELS_PER_MM)) / 255.0
    tone = INK + (PAPER - INK) * pattern if front else np.full_like(pattern, BACK)
    return np.rint(np.dstack([tone, np.full_like(tone, 255)])).astype(np.uint8)


def _sample_rays(camera: Camera) -> Float[np.ndarray, "row column 2"]:
    """Normalised coordinates of the samples of all pixels."""
    x, y = ((np.arange(side * SAMPLES) + 0.5) / SAMPLES - 0.5 for side in camera.size)
    return camera.undistort(np.stack(np.meshgrid(x, y), axis=-1)).astype(np.float32)


def _hold(
    image: UInt8[np.ndarray, "height width 3"],
    side: UInt8[np.ndarray, "row column 2"],
    camera: Camera,
    rays: Float[np.ndarray, "row column 2"],
    rotation: Float[np.ndarray, "3 3"],
    origin: Float[np.ndarray, "3"],
) -> None:
    """Put the board into a picture: each sample takes the colour of the board where its ray meets it."""
    width, height = BOARD.size
    outline = np.array(
        [[x, y, 0] for x in (-MARGIN_MM, width + MARGIN_MM) for y in (-MARGIN_MM, height + MARGIN_MM)]
    )
    corners = camera.project(outline @ rotation.T + origin)
    low = np.clip(np.floor(corners.min(axis=0) - 2), 0, camera.size).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + 3), 0, camera.size).astype(int)
    if (high <= low).any():
        return
    samples = rays[SAMPLES * low[1] : SAMPLES * high[1], SAMPLES * low[0] : SAMPLES * high[0]]
    # Points of the board's plane are seen along (X/Z, Y/Z) = H (x, y, 1), so H^-1 leads back.
    plane = np.column_stack([rotation[:, 0], rotation[:, 1], origin])
    ray_of_board = camera.rotation_matrix @ plane + np.outer(camera.translation, [0, 0, 1])
    pixel_of_board = np.array([[PIXELS_PER_MM, 0, 0], [0, PIXELS_PER_MM, 0], [0, 0, 1.0]])
    pixel_of_board[:2, 2] = MARGIN_MM * PIXELS_PER_MM - 0.5
    where = cv2.perspectiveTransform(samples, pixel_of_board @ np.linalg.inv(ray_of_board))
    seen = cv2.remap(side, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    seen = cv2.resize(seen, None, fx=1 / SAMPLES, fy=1 / SAMPLES, interpolation=cv2.INTER_AREA)
    # The tone is already weighted by the share of each pixel that the board covers.
    target = image[low[1] : high[1], low[0] : high[0]]
    tone, cover = (cv2.cvtColor(layer, cv2.COLOR_GRAY2BGR) for layer in cv2.split(seen))
    cv2.add(cv2.multiply(target, 255 - cover, scale=1 / 255), tone, dst=target)
