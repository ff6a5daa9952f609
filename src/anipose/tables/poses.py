"""The tables of config.toml about points in 3D."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from anipose.config_types import (
    Axes,
    Frames,
    Integer,
    LossName,
    Name,
    Number,
    OptimMethod,
    Pairs,
    Pattern,
    Pixels,
    Score,
    SmoothMethod,
    Switch,
    Table,
    Text,
    Unit,
    Weight,
    Window,
)


class Filter3D(Table):
    """Smoothing 3D points after triangulation (`anipose filter-3d`)."""

    TABLE: ClassVar[str] = "filter3d"

    enabled: Switch = False
    """Filter the 3D points, and take angles from the filtered ones."""
    medfilt: Window = 17
    """Length of the running median of the 3D points. 0 or 1 switches it off."""
    offset_threshold: Pixels = 15
    """Points with a larger reprojection error are dropped, and filled in from their neighbours in time."""
    max_gap: Frames | None = None
    """Longer gaps stay empty. When absent, gaps of any length are filled."""
    smooth: SmoothMethod | None = None
    """How the points are smoothed after the running median. "savgol": Savitzky-Golay, polynomials over
    `smooth_window` frames. "kalman": the Kalman smoother of a point with random acceleration. When absent,
    not at all."""
    smooth_window: Annotated[Integer, Ge(3), Unit("frames")] = 11
    """Over how many frames `smooth` smooths. Choose fewer if the animal is faster than the points."""
    smooth_order: Annotated[Integer, Ge(1), Le(5)] = 3
    """Order of the polynomials of "savgol"."""


class Triangulation(Table):
    """From the 2D points of several cameras to 3D points (`anipose triangulate`)."""

    TABLE: ClassVar[str] = "triangulation"

    triangulate: Switch = True
    """Whether to make 3D points. false leaves out every 3D step."""
    cam_regex: Pattern | None = None
    """Regular expression, searched in the file name without extension, whose first group is the camera name.
    What it matches is cut out of the name to give the trial. When absent, it is found by comparing names."""
    cam_align: Text | None = None
    """Accepted from older projects, without effect."""
    score_threshold: Score = 0.8
    """2D points with a lower score are not used."""
    min_cameras: Annotated[Integer, Ge(2)] = 2
    """Keypoints seen by fewer cameras are missing in 3D."""
    ransac: Switch = True
    """Leave out cameras that disagree with the others, keypoint by keypoint: those farther than
    `reproj_error_threshold` from the point. false: the plain linear solution of all cameras."""
    score_weighting: Switch = False
    """Multiply the error of each view by the score of its point, where points are triangulated one by one, so
    that surer views count more. Worth a try where scores tell much of how exact points are."""
    fix_swaps: Pairs = ()
    """Pairs of keypoints that the tracker may exchange, such as left and right. Where the other cameras show
    that one camera has them exchanged, they are put right before triangulation."""
    optim: Switch = False
    """Find smooth trajectories with steady bone lengths, instead of each frame on its own."""
    optim_method: OptimMethod | None = None
    """How `optim` finds trajectories. "map": the most probable ones, with their uncertainty; all weights are
    learned from the recording. "anipose": the objective of the older program, with the weights below. When
    absent, "anipose" if `scale_smooth`, `scale_length` or `scale_length_weak` is set, else "map"."""

    max_gap: Frames | None = None
    """How long a keypoint may be out of sight for `optim` to fill in its way. When absent, any time."""

    scale_smooth: Weight = 2
    """How strongly `optim` smooths over time, with the method "anipose". 0: not at all."""
    n_deriv_smooth: Annotated[Integer, Ge(1), Le(3)] = 3
    """Derivative of the position that `optim` keeps small: 1 velocity, 2 acceleration, 3 jerk."""
    constraints: Pairs = ()
    """Pairs of keypoints whose distance `optim` keeps constant: rigid bones."""
    limb_lengths: Literal["session", "trial"] = "session"
    """What the lengths of limbs are learned from, with the method "map": all trials of the "session", so that
    limbs are as long in all of them; then a new trial makes all of them anew. Or each "trial" by itself."""
    scale_length: Weight = 2
    """How strongly `optim` keeps the distances of `constraints`, with the method "anipose"."""
    constraints_weak: Pairs = ()
    """Pairs of keypoints whose distance changes little."""
    scale_length_weak: Weight = 1
    """How strongly `optim` keeps the distances of `constraints_weak`, with the method "anipose"."""
    reproj_error_threshold: Annotated[Number, Gt(0), Unit("px")] = 5
    """Reprojection error from which `optim` and `ransac` count a 2D point as an outlier."""
    reproj_loss: LossName = "soft_l1"
    """How `optim` weighs reprojection errors, with the method "anipose"; linear: outliers fully."""
    optim_chunking: Switch = False
    """Accepted from older projects, without effect: long trials are optimised in pieces anyway."""
    optim_chunking_size: Annotated[Integer, Ge(10), Unit("frames")] = 1000
    """Accepted from older projects, without effect: see `optim_chunking`."""
    calibration_uncertainty: Switch = False
    """Add what the calibration does not know to the covariances of the points, in the `.nc` files. It shifts
    neighbouring points alike, and is the same in all frames. Needs a calibration from a board."""
    axes: Axes | None = None
    """Two axes of the coordinate system, each from one keypoint towards another: the first as given, the
    second at a right angle to it; the third makes the system right-handed. Needs `reference_point`."""
    reference_point: Name | None = None
    """Keypoint at the origin of the coordinate system. Needs `axes`."""

    @property
    def method(self) -> Literal["map", "anipose"]:
        """How `optim` finds trajectories."""
        weights = {"scale_smooth", "scale_length", "scale_length_weak"}
        return self.optim_method or ("anipose" if weights & self.model_fields_set else "map")

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Keys whose value is allowed, but can hardly be meant, and why."""
        if self.axes and not self.reference_point:
            yield "axes", "has no effect without triangulation.reference_point"
        if self.reference_point and not self.axes:
            yield "reference_point", "has no effect without triangulation.axes"
