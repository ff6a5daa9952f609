"""The verdict on the 3D poses of a session."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.errors import PoseError
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.steps.hints import CALIBRATION_HINT

# So many doubts are told on the terminal; all are in the report.
MOST_TOLD = 8


@dataclass(frozen=True, kw_only=True)
class Report3D(Job):
    """Tell how good the 3D poses of a session are, and what is to blame where they are not.

    Attributes:
        poses_3d: trial -> file.
        poses_2d: trial -> camera -> file.
        figures: everything, for programs.
        page: the same to look at.
        cameras: trial -> camera -> what the config says about it.
    """

    command: ClassVar[str] = "report-3d"
    version: ClassVar[int] = 2
    works_on: ClassVar[str] = "trials with two or more cameras"
    hints: ClassVar[Mapping[str, str]] = {"calibration": CALIBRATION_HINT}
    made_from: ClassVar[str] = "poses_3d"

    calibration: Input[Path]
    poses_3d: OptionalInput[Mapping[str, Path]]
    poses_2d: OptionalInput[Mapping[str, Mapping[str, Path]]]
    figures: Output[Path]
    page: Output[Path]
    triangulation: config.Triangulation
    labeling: config.Labeling
    cameras: Mapping[str, config.Camera]
    units: str

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            trials = session.trials_3d
            if trials:
                yield cls(
                    calibration=session.calibration_file,
                    poses_3d={trial.name: trial.poses_3d_raw for trial in trials},
                    poses_2d={
                        trial.name: {camera: view.poses_2d for camera, view in trial.views.items()}
                        for trial in trials
                    },
                    figures=session.report_3d.with_suffix(".json"),
                    page=session.report_3d,
                    triangulation=session.config.triangulation.only(
                        "score_threshold",
                        "constraints",
                        "constraints_weak",
                        "fix_swaps",
                        "reproj_error_threshold",
                    ),
                    labeling=session.config.labeling.only("scheme"),
                    cameras={
                        camera: view.recording for trial in trials for camera, view in trial.views.items()
                    },
                    units=session.config.calibration.units,
                )

    def run(self) -> None:
        import json

        from anipose.draw.pose_page import pose_page
        from anipose.individuals import seen_again
        from anipose.io.calibration import read_calibration
        from anipose.io.files import write_text
        from anipose.io.poses_3d import read_animals_3d
        from anipose.io.views import read_animal_views
        from anipose.pose_figures import TrialPoses, pose_figures
        from anipose.reconstruction import put_right
        from anipose.recorded import recorded_cameras

        calibrated = recorded_cameras(read_calibration(self.calibration), self.cameras)
        trials = []
        for name, path in self.poses_3d.items():
            if not path.is_file():
                continue
            files = {
                c: file for c, file in self.poses_2d[name].items() if c in calibrated.names and file.is_file()
            }
            if len(files) < 2:
                continue
            cameras = calibrated.subset(list(files))
            views, poses = read_animal_views(files, self.cameras), read_animals_3d(path)
            for animal, seen in seen_again(cameras, views, poses, self.triangulation).items():
                good = seen.above(self.triangulation.score_threshold)
                right, swaps = put_right(cameras, good, self.triangulation)
                trials.append(
                    TrialPoses(
                        name,
                        cameras,
                        right,
                        poses[animal],
                        tuple(self.cameras[camera].frame_offset for camera in seen.cameras),
                        tuple(asdict(swap) for swap in swaps),
                        animal,
                    )
                )
        if not trials:
            raise PoseError(f"no 3D poses have been made yet for {self.page}; run: anipose triangulate")
        found = pose_figures(trials, self._limbs(), self.units, self.triangulation)
        write_text(self.figures, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        write_text(self.page, pose_page(found))

    def in_short(self) -> str:
        import json

        first, *doubts = json.loads(self.figures.read_text(encoding="utf-8"))["words"]
        lines = [first, *(f"- {doubt}" for doubt in doubts[:MOST_TOLD])]
        if len(doubts) > MOST_TOLD:
            lines.append(f"- and {len(doubts) - MOST_TOLD} more: look at {self.page}")
        return "\n".join(lines)

    def _limbs(self) -> dict[tuple[str, str], bool]:
        """Pairs of keypoints that the config joins, and whether they are constraints or only lines."""
        rigid = (*self.triangulation.constraints, *self.triangulation.constraints_weak)
        lines = [pair for line in self.labeling.scheme for pair in pairwise(line)]
        limbs: dict[frozenset[str], tuple[str, str]] = {}
        for pair in (*rigid, *lines):
            limbs.setdefault(frozenset(pair), pair)
        return {pair: pair in rigid for pair in limbs.values() if pair[0] != pair[1]}
