"""The tables of config.toml about points in 2D: tracking them, repairing them, and labelling more."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field

from anipose.config_types import (
    Area,
    Device,
    ExtractionReasons,
    Filters,
    Folder,
    Frames,
    Hue,
    Integer,
    Name,
    Number,
    OptionalFolder,
    Says,
    Score,
    Switch,
    Table,
    Unit,
    Window,
)


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
    offset_threshold: Annotated[Number, Gt(0), Unit("px")] = 25
    """A point this far from the running median is dropped; for viterbi, the typical jump between frames."""
    spline: Switch = True
    """Fill gaps with a cubic spline instead of straight lines."""
    max_gap: Frames | None = None
    """Longer gaps stay empty. When absent, gaps of any length are filled."""
    n_back: Annotated[Integer, Ge(1), Le(100), Unit("frames")] = 5
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
