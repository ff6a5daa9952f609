"""The pipeline: its steps in the order in which the data passes through them.

The steps are named, not imported: `anipose --help` must not wait for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from anipose.pipeline.job import Job


@dataclass(frozen=True)
class Shorthand:
    """An option that sets a key of the config for one run.

    Attributes:
        option: what the user types.
        key: the key, as for `--set`.
        metavar: what its value is called.
        help: one line.
    """

    option: str
    key: str
    metavar: str
    help: str


@dataclass(frozen=True)
class Switch:
    """An option that makes a command run other steps.

    Attributes:
        option: what the user types.
        help: one line.
        steps: what is run then.
    """

    option: str
    help: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command of the command line that runs steps.

    Attributes:
        name: what the user types.
        help: one line.
        steps: the steps that it runs, as "module:class" of this package.
        aliases: other names for it.
        shorthands: options of its own.
        switches: options that make it run other steps.
        needs_sessions: whether there is nothing to do in an experiment without sessions.
    """

    name: str
    help: str
    steps: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    shorthands: tuple[Shorthand, ...] = ()
    switches: tuple[Switch, ...] = ()
    needs_sessions: bool = True


SUMMARIES_2D = ("summarize:SummarizePoses2D",)
SUMMARIES_2D_FILTERED = ("summarize:SummarizePoses2DFiltered",)
SUMMARIES_3D = (
    "summarize:SummarizePoses3D",
    "summarize:SummarizePoses3DFiltered",
    "summarize:SummarizeAngles",
)
SUMMARY_OF_ERRORS = ("errors:SummarizeErrors",)

SINGLE = (
    Command(
        "calibrate",
        "Calibrate the cameras from videos of a board",
        (
            "calibrate:LookForBoards",
            "calibrate:DetectBoards",
            "verify_boards:DrawFoundBoards",
            "calibrate:Calibrate",
            "calibrate_animal:CalibrateWithAnimal",
        ),
    ),
    Command("analyze", "Track the keypoints in every video", ("analyze:Analyze",), aliases=("label",)),
    Command(
        "train-autoencoder",
        "Train the autoencoders that filter.type names",
        ("train_autoencoder:TrainAutoencoder",),
    ),
    Command(
        "filter", "Repair the tracked points in 2D", ("train_autoencoder:TrainAutoencoder", "filter:Filter")
    ),
    Command(
        "triangulate",
        "Find 3D poses from the 2D poses of every camera",
        ("limb_lengths:MeasureLimbs", "triangulate:Triangulate"),
    ),
    Command("report-3d", "Tell how good the 3D poses are, and what is to blame", ("report_3d:Report3D",)),
    Command("filter-3d", "Repair the 3D poses", ("filter_3d:Filter3D",)),
    Command("angles", "Compute joint angles", ("angles:Angles",)),
    Command("project-2d", "Project the 3D poses back into every view", ("project_2d:Project2D",)),
    Command("summarize-2d", "Join the tracked points of all sessions", SUMMARIES_2D),
    Command("summarize-2d-filter", "Join the filtered points of all sessions", SUMMARIES_2D_FILTERED),
    Command("summarize-3d", "Join the 3D poses and angles of all sessions", SUMMARIES_3D),
)

EXCERPT = (
    Shorthand("--start", "labeling.start", "FRAME", "First frame that is shown."),
    Shorthand("--end", "labeling.end", "FRAME", "Frame before which the video ends."),
    Shorthand("--every", "labeling.every", "N", "Show every N-th frame."),
    Shorthand("--speed", "labeling.speed", "FACTOR", "Play so many times faster: 0.1 is slow motion."),
)
CONVERSION = (
    Shorthand("--quality", "conversion.quality", "CRF", "From 0, lossless, to 51; 17 looks lossless."),
    Shorthand(
        "--speed", "converted_video_speed", "FACTOR", "Videos for looking at play so many times faster."
    ),
)

CONVERT = Command(
    "convert-videos",
    "Compress the videos as recorded, and make those that browsers play",
    ("convert:ConvertOriginal", "convert:ConvertForBrowsers"),
    shorthands=CONVERSION,
)

LABELED = (
    Command("label-2d", "Draw the tracked points on the videos", ("label:Label2D",), shorthands=EXCERPT),
    Command(
        "label-2d-filter",
        "Draw the filtered points on the videos",
        ("label:Label2DFilter",),
        shorthands=EXCERPT,
    ),
    Command(
        "label-2d-proj",
        "Draw the 3D poses, projected into every view, on the videos",
        ("project_2d:Project2D", "label:Label2DProjected"),
        shorthands=EXCERPT,
    ),
    Command(
        "label-filter-compare",
        "Draw the points before and after filtering side by side",
        ("label:LabelFilterCompare",),
        shorthands=EXCERPT,
    ),
    Command("label-3d", "Show the 3D poses", ("label_3d:Label3D",), shorthands=EXCERPT),
    Command("label-3d-filter", "Show the filtered 3D poses", ("label_3d:Label3DFilter",), shorthands=EXCERPT),
    Command(
        "label-combined",
        "Show all views, the 3D poses and angles together",
        ("label_3d:LabelCombined",),
        shorthands=EXCERPT,
    ),
)
ALL_LABELED = tuple(dict.fromkeys(step for command in LABELED for step in command.steps))

ALL_DATA = ("calibrate", "analyze", "filter", "triangulate", "report-3d", "filter-3d", "angles")
RESULTS = (*SUMMARIES_2D, *SUMMARIES_2D_FILTERED, *SUMMARIES_3D)
SUMMARIES = (*RESULTS, *SUMMARY_OF_ERRORS)

CALIBRATION_TOOLS = (
    Command(
        "draw-calibration",
        "Draw the calibration board, as PNG and as PDF in its true size",
        ("draw_calibration:DrawCalibration",),
        needs_sessions=False,
    ),
    Command(
        "calibration-errors",
        "Write the errors of a calibration, of every corner and of every frame",
        (
            "calibrate:LookForBoards",
            "calibrate:DetectBoards",
            "calibrate:Calibrate",
            "calibration_errors:CalibrationErrors",
        ),
        switches=(
            Switch(
                "--poses",
                "Check it against the tracked points instead, and name a camera that no longer fits.",
                ("calibration_errors:CalibrationErrorsOfPoses",),
            ),
        ),
    ),
)

COMMANDS = (
    CONVERT,
    *SINGLE,
    *CALIBRATION_TOOLS,
    *LABELED,
    Command("summarize", "Make all the tables over all sessions", SUMMARIES),
    Command("summarize-errors", "Tell how good the tracking is, per view and keypoint", SUMMARY_OF_ERRORS),
    Command(
        "extract-frames",
        "Choose frames worth labelling, and write their pictures",
        ("extract_frames:ExtractFrames",),
    ),
    Command(
        "export-model",
        "Write the network of a DeepLabCut project as a file that runs without DeepLabCut",
        ("export_model:ExportModel",),
    ),
    Command(
        "tracking-errors",
        "Compare 3D poses and angles with frames labelled in several views",
        ("errors:TrackingErrors",),
    ),
    Command(
        "run-data",
        "From videos to 3D poses, angles and summaries: everything but videos",
        (
            "convert:ConvertOriginal",
            *(step for command in SINGLE if command.name in ALL_DATA for step in command.steps),
            *RESULTS,
        ),
    ),
    Command("label-videos", "Make all the labeled videos", ALL_LABELED, shorthands=EXCERPT),
    Command("run-viz", "All the videos to look at", ALL_LABELED, shorthands=EXCERPT),
    Command(
        "run-all",
        "Everything: run-data and run-viz",
        tuple(dict.fromkeys(step for command in (CONVERT, *SINGLE, *LABELED) for step in command.steps)),
    ),
)

# Written beside every command's results, so that they can be understood later.
EFFECTIVE_CONFIG = "effective_config:WriteConfig"


def load_steps(names: Iterable[str]) -> tuple[type[Job], ...]:
    """The classes of steps named "module:class"."""
    found: list[type[Job]] = []
    for name in names:
        module, _, step = name.partition(":")
        found.append(getattr(import_module(f"anipose.steps.{module}"), step))
    return tuple(found)
