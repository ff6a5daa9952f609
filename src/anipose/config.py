"""The manual of config.toml: every table and key, its kind, its default and what it does.

The string under a key is its documentation; the reference page, the editor schema and the template
of `anipose init` are made from this module (reference.py). Files are read by config_files.py.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field

from anipose.config_types import (
    Angle,
    Area,
    Axes,
    BoardFrames,
    BoardSize,
    BoardType,
    Colours,
    Device,
    DictionarySize,
    Distortion,
    Encoder,
    Extensions,
    ExtractionReasons,
    Filters,
    Folder,
    Frames,
    Hue,
    Integer,
    IntrinsicsUse,
    KnownLengths,
    Length,
    LossName,
    MarkerBits,
    Matrix3,
    ModelType,
    Name,
    Names,
    Number,
    Numbers,
    Offset,
    OptimMethod,
    OptionalFolder,
    Pairs,
    Pattern,
    PictureSize,
    Pixels,
    Says,
    SchedulerType,
    Scheme,
    Score,
    Size,
    SmoothMethod,
    Switch,
    Table,
    Text,
    Unit,
    Up,
    Weight,
    Window,
    WorldFrame,
)

VIDEO_EXTENSIONS = ("avi", "mp4", "mov", "mkv", "m4v", "mts", "mpg", "mpeg", "wmv", "webm")

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


class Filter(Table):
    """Cleaning the 2D points of each camera before triangulation (`anipose filter`)."""

    TABLE: ClassVar[str] = "filter"

    enabled: Switch = False
    """Filter the 2D points, and triangulate the filtered ones."""
    type: Filters = ("medfilt",)
    """The filter, or a list of filters applied one after the other."""
    score_threshold: Score = 0.05
    """Points with a lower score count as missing."""
    medfilt: Window = 13
    """Length of the running median of the medfilt filter. 0 or 1 switches it off."""
    offset_threshold: Pixels = 25
    """A point this far from the running median is dropped; for viterbi, the typical jump between frames."""
    spline: Switch = True
    """Fill gaps with a cubic spline instead of straight lines."""
    max_gap: Frames | None = None
    """Longer gaps stay empty. When absent, gaps of any length are filled."""
    n_back: Annotated[Integer, Ge(1), Unit("frames")] = 5
    """How many frames back the viterbi filter looks for candidates of a point."""
    autoencoder_path: OptionalFolder = None
    """The trained model of the autoencoder filter, relative to the experiment folder. When absent,
    `autoencoders/autoencoder.npz`, which `anipose train-autoencoder` makes."""
    autoencoder_points_path: OptionalFolder = None
    """The trained model of the autoencoder_points filter, relative to the experiment folder. When absent,
    `autoencoders/autoencoder_points.npz`."""
    multiprocessing: Switch = False
    """Accepted from older projects, without effect: `anipose --jobs N` filters N videos at a time."""
    multiprocess: Switch = False
    """Accepted from older projects, without effect: see `multiprocessing`."""
    n_proc: Annotated[Integer, Ge(1)] | None = None
    """Accepted from older projects, without effect: see `multiprocessing`."""


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


class Labeling(Table):
    """Drawing keypoints on videos."""

    TABLE: ClassVar[str] = "labeling"

    scheme: Scheme = ()
    """Lines to draw: each list joins its keypoints in order. Empty: points without lines."""
    ignore: Names = ()
    """Keypoints that are not drawn."""
    color: Colours = ()
    """Colours of the lists of `scheme`, one after the other, written as "#rrggbb". When empty, colours that
    are told apart with colour blindness, too."""
    radius: Annotated[Number, Gt(0), Unit("px")] | None = None
    """Radius of a point. When absent, what suits the size of the video."""
    angles: Names = ()
    """Angles whose curves are below the videos of `anipose label-combined`. When empty, the first four."""
    start: Frames = 0
    """First frame that is shown (`--start`)."""
    end: Frames | None = None
    """Frame before which the video ends (`--end`). When absent, all are shown."""
    every: Annotated[Integer, Ge(1)] = 1
    """2 shows every second frame, 3 every third, as fast as all of them would be (`--every`)."""
    speed: Annotated[Number, Gt(0)] = 1
    """How many times faster than filmed the video plays: 0.1 is slow motion (`--speed`)."""


class Labeling3D(Table):
    """Videos of the 3D poses: from where they are looked at."""

    TABLE: ClassVar[str] = "labeling3d"

    heading: Annotated[Number, Ge(-360), Le(360), Unit("degrees")] = -60
    """Direction from the animal to the viewer: 0 is along the first horizontal axis, 90 along the second."""
    elevation: Annotated[Number, Ge(-89), Le(89), Unit("degrees")] = 25
    """How far above the horizon the viewer is."""
    rotation: Annotated[Number, Ge(-360), Le(360), Unit("degrees per second")] = 10
    """How fast the viewer walks around the animal. 0: stands still."""
    follow: Switch = False
    """Walk along with the animal, so that it is large in the picture however far it goes. false: all of its
    way is in view."""
    up: Up = "auto"
    """Axis that points upwards. "auto": z if `triangulation.axes` is given, or what is up for the cameras."""
    size: Size = (800, 800)
    """Size of the video."""


class Conversion(Table):
    """Converting videos (`anipose convert-videos`)."""

    TABLE: ClassVar[str] = "conversion"

    quality: Annotated[Integer, Ge(0), Le(51)] = 17
    """Quality of H.264, as its CRF (`--quality`): 0 is lossless, 17 can hardly be told from the original, 23
    is a third of the size, 51 is the worst."""
    encoder: Encoder = "x264"
    """"hardware" uses the graphics card where it can encode, which is faster; the files are then not the same
    on every computer."""


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


class Marker(Table):
    """One painted or reflective marker; the table is named after its keypoint: `[markers.keypoints.NAME]`."""

    hue: Hue | None = None
    """Colour: from 0 red over 120 green and 240 blue to 360. Red goes through 0, as in [345, 15]. When
    absent, any colour."""
    saturation_min: Score = 0.4
    """Duller pixels do not belong to the marker. Not used without `hue`."""
    value_min: Score = 0.25
    """Darker pixels do not belong to the marker."""
    area: Area | None = None
    """Blobs smaller or larger than this are not the marker. When absent, as in `[markers]`."""


class Markers(Table):
    """Tracking painted or reflective markers, for `model_type = "markers"`."""

    TABLE: ClassVar[str] = "markers"

    threshold: Score = 0.6
    """Brightness from which a pixel belongs to a marker that has no `hue`; 1 is white."""
    area: Area = (9, 5000)
    """Blobs smaller or larger than this are not markers."""
    gate: Annotated[Number, Gt(0), Unit("px")] = 40
    """A marker moves less than this from where it is expected in the next frame."""
    max_gap: Frames = 10
    """A marker lost for longer than this is looked for in the whole image."""
    keypoints: Mapping[str, Marker] = Field(default_factory=dict)
    """The markers, by the name of their keypoint."""


class Extraction(Table):
    """Frames to label, where tracking is worst (`anipose extract-frames`)."""

    TABLE: ClassVar[str] = "extraction"

    frames: Annotated[Integer, Ge(1)] = 20
    """How many moments to choose in all sessions together; a picture of each is written for every view."""
    by: ExtractionReasons = ("reprojection-error", "score", "filter-change", "random")
    """What to choose frames by, each for its share: a large reprojection error, low scores, what the 2D
    filters changed, or at random."""
    folder: Folder = "frames-to-label"
    """Where `labeled-data` with the pictures is written, relative to the experiment folder: your
    DeepLabCut project, for example. Pictures that are there stay."""


class TrackerRule(Table):
    """A model for some of the videos."""

    videos: Name
    """Pattern of the paths of these videos."""
    model_folder: Folder
    """Their model."""


class Tracker(Table):
    """How a trained network tracks the videos (`anipose analyze`)."""

    TABLE: ClassVar[str] = "tracker"

    python: OptionalFolder = None
    """The program `python` of the environment with the tracker, such as "~/dlc-env/bin/python". When absent,
    the Python that runs anipose."""
    device: Device = "auto"
    """Where the network runs: "cpu", "cuda", "cuda:1", "mps", or "auto", a graphics card where there is one.
    With "cpu", `--jobs N` tracks N videos at a time; otherwise one video at a time is tracked."""
    batch_size: Annotated[Integer, Ge(1)] | None = None
    """Frames that the network is given at a time. More is faster until the memory of the graphics card is
    full. When absent, as the model says."""
    animals: Annotated[Integer, Ge(1)] | None = None
    """How many animals a SLEAP model for several is to find: the surest in a frame, and as many tracks. When
    absent, as many as it sees; an animal that was hidden may then come back as another one."""
    shuffle: Annotated[Integer, Ge(0)] = 1
    """Shuffle of the DeepLabCut project."""
    training_set: Annotated[Integer, Ge(0)] = 0
    """Index of the training set, in the `TrainingFraction` of the DeepLabCut project."""
    snapshot: Annotated[Integer, Ge(-1)] | None = None
    """Index of the snapshot of the network; -1: the last. When absent, as the DeepLabCut project says."""
    part: Literal["body", "hands"] = "body"
    """What MediaPipe tracks of a person: 33 keypoints of the body, or 21 of each hand."""
    command: Name | None = None
    """Command line of `model_type = "command"`: {video} stands for the video, {output} for the file to write,
    {model_folder} for the model folder."""
    rules: Annotated[
        tuple[TrackerRule, ...],
        Says('tables [[tracker.rules]], each with videos = "pattern" and model_folder = "path"'),
    ] = ()
    """Models for some of the videos, each as `[[tracker.rules]]` with `videos`, a pattern with * and ? of
    paths from the experiment folder such as "mouse1/*-camA.mp4" (the folder `videos-raw` left out), and
    `model_folder`. The first that fits counts, before `[cameras.NAME]` and `model_folder` for all."""


class Pipeline(Table):
    """Names of the folders in a session. A name may also be an absolute path."""

    TABLE: ClassVar[str] = "pipeline"

    videos_original: Folder = "videos-original"
    """Videos as they were recorded, to be converted."""
    videos_raw: Folder = "videos-raw"
    """Videos to track: the folder that makes a folder a session."""
    videos_raw_mp4: Folder = "videos-raw-mp4"
    """Converted videos for looking at."""
    calibration_videos: Folder = "calibration"
    """Videos of the calibration board, in the session or any folder above."""
    calibration_results: Folder = "calibration"
    """`calibration.toml` and what belongs to it."""
    calibration_intrinsics: Folder = "calibration-intrinsics"
    """Videos of the board that show the lens of one camera each, beside `calibration_videos`. Not needed."""
    pose_2d: Folder = "pose-2d"
    """Tracked 2D points."""
    pose_2d_filter: Folder = "pose-2d-filtered"
    """Filtered 2D points."""
    pose_2d_projected: Folder = "pose-2d-proj"
    """3D points projected back into the cameras."""
    pose_3d: Folder = "pose-3d"
    """3D points."""
    pose_3d_filter: Folder = "pose-3d-filtered"
    """Filtered 3D points."""
    angles: Folder = "angles"
    """Angles."""
    summaries: Folder = "summaries"
    """Tables over all sessions, in the experiment folder."""
    videos_labeled_2d: Folder = "videos-labeled"
    """Videos with the 2D points drawn on them."""
    videos_labeled_2d_filter: Folder = "videos-labeled-filtered"
    """Videos with the filtered 2D points drawn on them."""
    videos_2d_projected: Folder = "videos-2d-proj"
    """Videos with the projected 3D points drawn on them."""
    videos_labeled_3d: Folder = "videos-3d"
    """Videos of the 3D points."""
    videos_labeled_3d_filter: Folder = "videos-3d-filtered"
    """Videos of the filtered 3D points."""
    videos_combined: Folder = "videos-combined"
    """Videos of all cameras and the 3D points side by side."""
    videos_compare: Folder = "videos-compare"
    """Videos of the 2D points before and after filtering."""


class Cluster(Table):
    """Running jobs on a cluster with a batch system."""

    TABLE: ClassVar[str] = "cluster"

    type: SchedulerType | None = None
    """The batch system. When absent, jobs run on this computer."""
    jobs: Annotated[Integer, Ge(1)] = 10
    """How many workers to ask for."""
    cores: Annotated[Integer, Ge(1)] = 1
    """Processor cores of each worker; it runs as many jobs at a time."""
    memory: Name = "4GB"
    """Memory of each worker."""
    walltime: Name = "02:00:00"
    """Longest time that a worker may live, hours:minutes:seconds."""
    queue: Name | None = None
    """Queue or partition. When absent, the default of the batch system."""
    account: Name | None = None
    """Account or project that is charged."""
    extra: Names = ()
    """More directives for the batch system, such as "--gres=gpu:1"."""


class Config(Table):
    """Keys at the top of the file, before the first table."""

    project: Name | None = None
    """Name of the project, written to the summaries. When absent, the name of the experiment folder."""
    path: OptionalFolder = None
    """The experiment folder. When absent, the folder of this file."""
    model_type: ModelType = "deeplabcut"
    """The program that tracks keypoints in videos."""
    model_folder: OptionalFolder = None
    """The trained model, for DeepLabCut its project folder. Not needed when `pose-2d` is already there."""
    nesting: Annotated[Integer, Ge(-1)] | None = None
    """How many folders below the experiment the sessions are. -1: at any depth. When absent, found by
    looking."""
    video_extension: Extensions = VIDEO_EXTENSIONS
    """What names of videos end in, in any letter case."""
    fps: Annotated[Number, Gt(0), Unit("frames per second")] | None = None
    """How fast the cameras recorded: for the times in the `.nc` files beside 3D points and angles. When
    absent, how fast the videos play; where there are none, times count frames."""
    converted_video_speed: Annotated[Number, Gt(0)] = 1
    """How many times faster converted videos play."""
    calibration: Calibration = Field(default_factory=Calibration)
    manual_verification: ManualVerification = Field(default_factory=ManualVerification)
    filter: Filter = Field(default_factory=Filter)
    filter3d: Filter3D = Field(default_factory=Filter3D)
    labeling: Labeling = Field(default_factory=Labeling)
    labeling3d: Labeling3D = Field(default_factory=Labeling3D)
    conversion: Conversion = Field(default_factory=Conversion)
    triangulation: Triangulation = Field(default_factory=Triangulation)
    angles: Mapping[str, Angle] = Field(default_factory=dict)
    """Angles to compute, by the name of their column; in degrees, at the middle one of three keypoints
    [a, b, c]. Rotations between three keypoints: ["flex", a, b, c], ["axis", a, b, c],
    ["cross-axis", a, b, c]; of all joints along a limb: ["chain", a, b, c, d]."""
    cameras: Mapping[str, Camera] = Field(default_factory=dict)
    """What is special about single cameras, by their names."""
    markers: Markers = Field(default_factory=Markers)
    tracker: Tracker = Field(default_factory=Tracker)
    extraction: Extraction = Field(default_factory=Extraction)
    pipeline: Pipeline = Field(default_factory=Pipeline)
    cluster: Cluster = Field(default_factory=Cluster)

    def doubts(self) -> Iterator[tuple[str, str]]:
        """Keys whose value is allowed, but can hardly be meant, and why."""
        for table in (self.calibration, self.triangulation):
            for key, why in table.doubts():
                yield f"{table.TABLE}.{key}", why
