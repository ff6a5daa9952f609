"""The tables of config.toml about cameras: the board, the lenses, and single cameras."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from anipose.config_types import (
    BoardFrames,
    BoardSize,
    BoardType,
    DictionarySize,
    Distortion,
    Frames,
    Integer,
    IntrinsicsUse,
    KnownLengths,
    Length,
    MarkerBits,
    Matrix3,
    Name,
    Numbers,
    Offset,
    OptionalFolder,
    PictureSize,
    Switch,
    Table,
    Unit,
    WorldFrame,
)

# A board with more rows or columns than this is a length in mm, written in the wrong place.
MAX_BOARD_SIZE = 60


class Calibration(Table):
    """The calibration board, as it was printed, and how cameras are calibrated with it."""

    TABLE: ClassVar[str] = "calibration"

    board_type: BoardType | None = None
    """Kind of calibration board. ChArUco boards may be seen in part and are the best choice."""
    board_size: BoardSize | None = None
    """Counts [columns, rows]: squares of a ChArUco board, inner corners of a checkerboard, markers of an
    ArUco grid. These are counts, not lengths: a checkerboard of 11 by 8 squares has 10 by 7 inner corners."""
    board_marker_bits: MarkerBits | None = None
    """Bits along a side of a marker. With `board_marker_dict_number`, it names the ArUco dictionary."""
    board_marker_dict_number: DictionarySize | None = None
    """Number of markers in the ArUco dictionary that the board was made from."""
    board_marker_length: Length | None = None
    """Side of a marker. Measure it on the printed board."""
    board_marker_separation_length: Length | None = None
    """Gap between the markers of an ArUco grid. Not used by the other boards."""
    board_square_side_length: Length | None = None
    """Side of a square of a ChArUco board or checkerboard. It sets the scale of all 3D results."""
    board_legacy: Switch | None = None
    """Whether a ChArUco board has the layout that OpenCV drew before version 4.6. It matters for even
    numbers of rows; when absent, it is told from the videos."""
    board_inverted: Switch = False
    """Whether the board is printed white on black."""
    board_frames: BoardFrames = "chosen"
    """In which frames the board is looked for. "chosen": in some, the same in all cameras, and in more where
    few show the board, until there are enough different views. "all": in every frame, which takes longer."""
    units: Name = "mm"
    """Unit of the board's lengths, and so of all 3D results, where it is written."""
    animal_calibration: Switch = False
    """Refine where the cameras are with the tracked keypoints of all sessions that share the calibration,
    starting from the calibration by the board, or else from `calibration_init`. For cameras that were moved a
    little after the board was filmed; a board is more exact than an animal. See `anipose calibration-errors
    --poses`."""
    animal_lengths: KnownLengths = ()
    """Known distances on the animal, [keypoint, keypoint, length], in `units`: with `animal_calibration`,
    they set the scale. When empty, the scale stays."""
    calibration_init: OptionalFolder = None
    """A `calibration.toml` with the lenses to start from, relative to the experiment folder. It needs
    `intrinsics` to be "refine" or "fixed"; without videos of a board, it is where `animal_calibration`
    starts."""
    intrinsics: IntrinsicsUse = "estimate"
    """How the lenses are found. "estimate": from the views of the board. "refine": near what is given in
    `calibration_init`, in `[cameras.X]`, or by the folder `calibration-intrinsics`. "fixed": as there."""
    distortion: Distortion | None = None
    """Coefficients of the lens distortion. When absent, the fewest that fit views held out of the fit."""
    fisheye: Switch = False
    """Use the fisheye model of lens distortion, for lenses that see about 120 degrees or more. For one
    camera: `[cameras.X] fisheye`."""
    world: WorldFrame = "camera"
    """Coordinate system of the calibration: that of the first "camera", as in the older Anipose, or of the
    "board" in the frame `world_frame`, with z up from the face of the board: a board on the floor makes the
    floor z = 0."""
    world_frame: Frames = 0
    """Frame of the first recording in which the board shows the coordinate system, counted from 0. If the
    board was not found in it, the nearest frame in which it was."""

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Keys whose value is allowed, but can hardly be meant, and why."""
        if self.board_size and max(self.board_size) > MAX_BOARD_SIZE:
            yield "board_size", f"counts squares or inner corners; {list(self.board_size)} looks like lengths"


class ManualVerification(Table):
    """Looking at detected boards by eye."""

    TABLE: ClassVar[str] = "manual_verification"

    manually_verify: Switch = False
    """Write a picture of every detected calibration board into the folder `calibration/boards`. Delete those
    that are wrong and calibrate again: the boards in them are not used. The choice holds, also when this is
    turned off, until the folder is deleted."""


class Camera(Table):
    """What is special about one camera; the table is named after it, as in `[cameras.A]`."""

    offset: Offset = (0, 0)
    """Corner [x, y] of the crop this camera records, in the full image it was calibrated with. The size of
    the crop may follow: [x, y, width, height]."""
    size: PictureSize | None = None
    """Size [width, height] of the pictures of this camera, if they have other pixels than those it was
    calibrated with: binned, or scaled. They show the part `offset` = [x, y, width, height] of the calibrated
    picture, in its pixels; without `offset`, all of it."""
    frame_offset: Annotated[Integer, Unit("frames")] = 0
    """Frames to add to the frame numbers of the trial to get those of this camera: 3 if its video shows three
    frames later what the others show, -3 if three frames earlier. `pose-3d/report.html` says what it has to
    be."""
    model_folder: OptionalFolder = None
    """Tracking model for this camera, instead of `model_folder` for all."""
    fisheye: Switch | None = None
    """Whether this camera has a fisheye lens. When absent, as in `[calibration]`."""
    matrix: Matrix3 | None = None
    """Intrinsics of the lens as in a `calibration.toml`, for `calibration.intrinsics` "refine" or "fixed"."""
    distortions: Numbers = ()
    """Distortion coefficients that belong to `matrix`: k1, k2, p1, p2, k3; of a fisheye k1, k2, k3, k4."""

    @property
    def corner(self) -> tuple[float, float]:
        """Corner (x, y) of the crop, px: to be added to the tracked points.

        With `size`, nothing is added: the camera is another one (recorded.py).
        """
        return (self.offset[0], self.offset[1]) if self.size is None else (0.0, 0.0)
