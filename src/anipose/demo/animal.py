"""The animal of the demo: a lizard of 7 cm that walks, with bones of constant length.

It trots: diagonal legs move together, a foot stays where it is on the floor during its stance and
swings to its next place otherwise. Knees follow from hip and foot (two bones of known length).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Lengths in millimetres, in the axes of the body: x forward, y left, z up.
SHOULDER, HIP = np.array([11.0, 0, 0]), np.array([-11.0, 0, 0])
HEAD_LENGTH, TAIL_LENGTHS = 17.0, (14.0, 17.0)
FEMUR, TIBIA = 9.5, 11.5
BODY_HEIGHT = 10.0
MARKER_RADIUS = 1.5
BACK_MARKER = np.array([0.0, 0, 7.0])
STEP_HEIGHT = 4.0

STRIDE_TIME = 0.6  # seconds
STANCE = 0.58  # part of a stride in which a foot is on the floor

LEGS = {  # leg -> where it leaves the body, where its foot stands by habit, its phase in the stride
    "left_front": (np.array([10.0, 4.5, -1]), np.array([14.0, 16.0]), 0.0),
    "right_front": (np.array([10.0, -4.5, -1]), np.array([14.0, -16.0]), 0.5),
    "left_hind": (np.array([-10.0, 4.5, -1]), np.array([-13.0, 15.5]), 0.5),
    "right_hind": (np.array([-10.0, -4.5, -1]), np.array([-13.0, -15.5]), 0.0),
}
KEYPOINTS = (
    "nose",
    "shoulder",
    "hip",
    "tail",
    *(f"{leg}_{joint}" for leg in LEGS for joint in ("knee", "foot")),
)

# The path is computed in steps of a millisecond; feet ask for the body between frames.
PATH_RATE = 1000


@dataclass(frozen=True)
class Walk:
    """An animal over time.

    Attributes:
        keypoints: (frame, keypoint, 3), the markers, in the order of `KEYPOINTS`; mm in the world.
        joints: name -> (frame, 3), the joints of the body, for drawing it.
    """

    keypoints: Float[np.ndarray, "frame keypoint 3"]
    joints: Mapping[str, Float[np.ndarray, "frame 3"]]


def walk(n_frames: int, fps: float, rng: np.random.Generator) -> Walk:
    """A walk of `n_frames` about the middle of the arena, on a path drawn by `rng`."""
    seconds = np.arange(n_frames) / fps
    path = _Path.random(n_frames / fps, rng)
    rotation, origin = path.body(seconds)

    def in_world(point: Float[np.ndarray, "*frame 3"]) -> Float[np.ndarray, "frame 3"]:
        offset = rotation @ np.broadcast_to(point, origin.shape)[..., None]
        placed: Float[np.ndarray, "frame 3"] = origin + offset[..., 0]
        return placed

    joints = {"shoulder": in_world(SHOULDER), "hip": in_world(HIP)}
    stride = 2 * np.pi * seconds / STRIDE_TIME
    head_turn = 0.3 * np.sin(2 * np.pi * 0.7 * seconds + rng.uniform(0, 6)) + 0.1 * np.sin(stride)
    nod = 0.12 * np.sin(2 * np.pi * 0.9 * seconds + rng.uniform(0, 6))
    joints["nose"] = in_world(SHOULDER + HEAD_LENGTH * _direction(head_turn, nod))
    joints["tail_middle"] = in_world(HIP - TAIL_LENGTHS[0] * _direction(0.35 * np.sin(stride), 0.25))
    tip = TAIL_LENGTHS[1] * _direction(0.7 * np.sin(stride - 1.1), -0.05)
    joints["tail"] = joints["tail_middle"] - np.einsum("fij,fj->fi", rotation, tip)
    for leg, (root, habit, phase) in LEGS.items():
        joints[f"{leg}_root"] = in_world(root)
        joints[f"{leg}_foot"] = path.foot(seconds, habit, phase)
        outward = np.einsum("fij,j->fi", rotation, np.array([0.25 * np.sign(root[0]), np.sign(root[1]), 1.3]))
        joints[f"{leg}_knee"] = _knee(joints[f"{leg}_root"], joints[f"{leg}_foot"], outward)
    markers = {**joints, "shoulder": in_world(SHOULDER + BACK_MARKER), "hip": in_world(HIP + BACK_MARKER)}
    return Walk(np.stack([markers[name] for name in KEYPOINTS], axis=1), joints)


def _direction(
    turn: Float[np.ndarray, "frame"], lift: Float[np.ndarray, "frame"] | float
) -> Float[np.ndarray, "frame 3"]:
    """Unit vectors: forward, turned to the left and lifted by these angles (radians)."""
    lift = np.broadcast_to(lift, turn.shape)
    return np.stack([np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), np.sin(lift)], axis=-1)


def _knee(
    root: Float[np.ndarray, "frame 3"],
    foot: Float[np.ndarray, "frame 3"],
    outward: Float[np.ndarray, "frame 3"],
) -> Float[np.ndarray, "frame 3"]:
    """The point at the right distances from root and foot, on the outward side of the line between them."""
    line = foot - root
    length = np.linalg.norm(line, axis=-1, keepdims=True)
    line = line / length
    along = (FEMUR**2 - TIBIA**2 + length**2) / (2 * length)
    bend = outward - np.sum(outward * line, axis=-1, keepdims=True) * line
    bend /= np.linalg.norm(bend, axis=-1, keepdims=True)
    knee: Float[np.ndarray, "frame 3"] = root + along * line + np.sqrt(FEMUR**2 - along**2) * bend
    return knee


@dataclass(frozen=True)
class _Path:
    """Where the body is, from one stride before the first frame to one after the last.

    Attributes:
        seconds: (sample,), times.
        position: (sample, 2), of the middle of the body on the floor.
        heading: (sample,), radians.
    """

    seconds: Float[np.ndarray, "sample"]
    position: Float[np.ndarray, "sample 2"]
    heading: Float[np.ndarray, "sample"]

    @classmethod
    def random(cls, duration: float, rng: np.random.Generator) -> "_Path":
        seconds = np.arange(-STRIDE_TIME, duration + STRIDE_TIME, 1 / PATH_RATE)
        turn, phase = rng.uniform(0.5, 0.9), rng.uniform(0, 2 * np.pi)
        heading = rng.uniform(0, 2 * np.pi) + turn * np.sin(2 * np.pi * 0.4 * seconds + phase)
        # However long it walks, it stays within the view of the cameras.
        speed = min(28.0, 56.0 / duration)
        step = speed / PATH_RATE * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
        position = np.cumsum(step, axis=0)
        return cls(seconds, position - position.mean(axis=0), heading)

    def at(
        self, seconds: Float[np.ndarray, "*batch"]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch"]]:
        x, y = (np.interp(seconds, self.seconds, along) for along in self.position.T)
        return np.stack([x, y], axis=-1), np.interp(seconds, self.seconds, self.heading)

    def body(
        self, seconds: Float[np.ndarray, "frame"]
    ) -> tuple[Float[np.ndarray, "frame 3 3"], Float[np.ndarray, "frame 3"]]:
        """world_from_body: it bobs, rolls and sways a little with each stride."""
        position, heading = self.at(seconds)
        stride = 2 * np.pi * seconds / STRIDE_TIME
        yaw, roll = heading + 0.12 * np.sin(stride), 0.07 * np.cos(stride)
        zero, one = np.zeros_like(yaw), np.ones_like(yaw)
        turn = np.array(
            [[np.cos(yaw), -np.sin(yaw), zero], [np.sin(yaw), np.cos(yaw), zero], [zero, zero, one]]
        )
        tilt = np.array(
            [[one, zero, zero], [zero, np.cos(roll), -np.sin(roll)], [zero, np.sin(roll), np.cos(roll)]]
        )
        height = BODY_HEIGHT + 0.5 * np.cos(2 * stride)
        return np.einsum("ijf,jkf->fik", turn, tilt), np.column_stack([position, height])

    def foot(
        self, seconds: Float[np.ndarray, "frame"], habit: Float[np.ndarray, "2"], phase: float
    ) -> Float[np.ndarray, "frame 3"]:
        """A foot: on the floor where its habitual place is at the middle of the stance, else on its way."""
        strides = seconds / STRIDE_TIME + phase
        number, part = np.floor(strides), strides % 1
        here = self._foothold(number, habit, phase)
        following = self._foothold(number + 1, habit, phase)
        swing = np.clip((part - STANCE) / (1 - STANCE), 0, 1)
        # The quintic with zero speed and acceleration at both ends.
        progress = swing**3 * (10 - 15 * swing + 6 * swing**2)
        height = MARKER_RADIUS + STEP_HEIGHT * 16 * (swing * (1 - swing)) ** 2
        return np.column_stack([here + progress[:, None] * (following - here), height])

    def _foothold(
        self, number: Float[np.ndarray, "frame"], habit: Float[np.ndarray, "2"], phase: float
    ) -> Float[np.ndarray, "frame 2"]:
        position, heading = self.at((number - phase + STANCE / 2) * STRIDE_TIME)
        c, s = np.cos(heading), np.sin(heading)
        foothold: Float[np.ndarray, "frame 2"] = position + np.stack(
            [c * habit[0] - s * habit[1], s * habit[0] + c * habit[1]], axis=-1
        )
        return foothold
