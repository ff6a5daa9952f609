"""config.toml as a whole: the keys at its top, and all its tables. With tables/ the manual of it.

The string under a key is its documentation; the reference page, the editor schema and the template
of `anipose init` are made from these modules (reference.py). Files are read by config_files.py.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt
from pydantic import Field

from anipose.config_types import (
    Angle,
    Extensions,
    Folder,
    Integer,
    ModelType,
    Name,
    Names,
    Number,
    OptionalFolder,
    SchedulerType,
    Table,
    Unit,
)
from anipose.tables.calibration import Calibration, Camera, ManualVerification
from anipose.tables.poses import Filter3D, Triangulation
from anipose.tables.tracking import Extraction, Filter, Marker, Markers, Tracker, TrackerRule
from anipose.tables.videos import Conversion, Labeling, Labeling3D

__all__ = [
    "VIDEO_EXTENSIONS",
    "Calibration",
    "Camera",
    "Cluster",
    "Config",
    "Conversion",
    "Extraction",
    "Filter",
    "Filter3D",
    "Labeling",
    "Labeling3D",
    "ManualVerification",
    "Marker",
    "Markers",
    "Pipeline",
    "Tracker",
    "TrackerRule",
    "Triangulation",
]

VIDEO_EXTENSIONS = ("avi", "mp4", "mov", "mkv", "m4v", "mts", "mpg", "mpeg", "wmv", "webm")


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
