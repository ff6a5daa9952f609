"""Films of a board in cameras around it, half of the time out of sight; where its corners are is known."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.board_drawing import draw
from anipose.boards import Board
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import looking_at, rotation_matrix
from anipose.io.video_writer import VideoWriter

Array = NDArray[np.float64]

SIZE = (1280, 1024)
# The board is out of sight in the second half of each such stretch of frames.
STRETCH = 150
PIXELS_PER_MM, MARGIN_PX = 4.0, 20
NOISE = 2.0
N_NOISES = 8


def make_rig(n_cameras: int) -> Cameras:
    """Cameras on an arc of 80 degrees, 600 mm from where the board is shown."""
    cameras = []
    for number in range(n_cameras):
        angle = np.deg2rad(80) * (number / max(n_cameras - 1, 1) - 0.5)
        center = 600 * np.array([np.sin(angle), 0.35, -np.cos(angle)])
        rotation, translation = looking_at(center, np.zeros(3))
        matrix = np.array([[1150.0 + 20 * number, 0, 645 - number], [0, 1150 + 20 * number, 507], [0, 0, 1]])
        lens = np.array([-0.12 + 0.01 * number, 0.03, 0, 0, 0])
        cameras.append(Camera(f"{number}", SIZE, matrix, lens).with_pose(rotation, translation))
    return Cameras(tuple(cameras), {})


def board_motion(board: Board, n_frames: int) -> tuple[Array, Array]:
    """Turn and origin of the board in the world, in each frame."""
    t = np.arange(n_frames) / STRETCH
    tilt = np.stack([0.5 * np.sin(2.1 * t), 0.75 * np.sin(1.3 * t + 1), 0.6 * np.sin(0.7 * t)], -1)
    middle = np.stack([110 * np.sin(1.7 * t), 80 * np.sin(2.9 * t + 2), 130 * np.sin(1.1 * t + 4)], -1)
    rotation = rotation_matrix(tilt)
    return rotation, middle - rotation @ (np.array([*board.size, 0]) / 2)


def is_shown(n_frames: int) -> NDArray[np.bool_]:
    shown: NDArray[np.bool_] = np.arange(n_frames) % STRETCH < STRETCH // 2
    return shown


def true_corners(camera: Camera, board: Board, n_frames: int) -> Array:
    """(frame, corner, 2), pixels."""
    rotation, origin = board_motion(board, n_frames)
    return camera.project(board.points @ np.swapaxes(rotation, 1, 2) + origin[:, None])


def film(camera: Camera, board: Board, n_frames: int, *, always: bool = False) -> Iterator[NDArray[np.uint8]]:
    """Grey pictures: a cluttered room with noise, and the board in front of it."""
    rng = np.random.default_rng(int(camera.name) + 1)
    room = _room(rng)
    noises = [np.rint(rng.normal(0, NOISE, SIZE[::-1])).astype(np.int16) for _ in range(N_NOISES)]
    printed = 30 + 0.75 * draw(board, PIXELS_PER_MM, margin_px=MARGIN_PX).astype(np.float32)
    # About two pixels of the print are one of the camera.
    soft_print = cv2.GaussianBlur(printed, (0, 0), 1.2)
    grid = np.stack(np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1])), -1).astype(float)
    rays = camera.undistort(grid).astype(np.float32)
    rotation, origin = board_motion(board, n_frames)
    for number, shown in enumerate(is_shown(n_frames)):
        image = room
        if shown or always:
            turn = camera.rotation_matrix @ rotation[number]
            place = camera.rotation_matrix @ origin[number] + camera.translation
            board_from_ray = np.linalg.inv(np.column_stack([turn[:, 0], turn[:, 1], place]))
            where = cv2.perspectiveTransform(rays, board_from_ray) * PIXELS_PER_MM + MARGIN_PX - 0.5
            where = where.astype(np.float32)
            seen = cv2.remap(soft_print, where, None, cv2.INTER_LINEAR, borderValue=-1)
            image = np.where(seen < 0, room, seen)
        soft = cv2.GaussianBlur(image, (0, 0), 0.6)
        yield cv2.add(np.rint(soft), noises[rng.integers(N_NOISES)], dtype=cv2.CV_8U)


def _room(rng: np.random.Generator) -> NDArray[np.float32]:
    room = np.full(SIZE[::-1], 120, np.uint8)
    for _ in range(150):
        start = rng.integers(0, SIZE)
        end = start + rng.integers(20, 260, 2)
        cv2.rectangle(room, start.tolist(), end.tolist(), int(rng.integers(40, 220)), -1)
    return room.astype(np.float32)


def write_film(path: Path, camera: Camera, board: Board, n_frames: int) -> Path:
    """H.264 as x264 makes it by default but for `crf`, 60 frames per second."""
    with VideoWriter(path, 60, SIZE, crf=20, preset="medium") as writer:
        for image in film(camera, board, n_frames):
            writer.write(image)
    return path
