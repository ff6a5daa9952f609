"""How good the tracking is, as tables over all sessions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.errors import PoseError
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.session import Session, Trial, View, label_folder

Cell = str | int | float | None
DEFAULTS = config.Triangulation()


@dataclass(frozen=True, kw_only=True)
class SummarizeErrors(Job):
    """Join what is known of the quality of tracking into summaries/errors.csv: a row per view and keypoint.

    Attributes:
        tracked, used, changes: files of each view: tracked points, those that 3D poses are made of, and what
            the filters changed; by folders of the session, trial and camera, joined by "/".
        poses_3d, calibrations: files of each trial.
        cameras: what the config says about the camera of each view.
        score_thresholds: of triangulation, of each view.
    """

    command: ClassVar[str] = "summarize-errors"
    works_on: ClassVar[str] = "tracked points"
    made_from: ClassVar[str] = "tracked"

    tracked: OptionalInput[Mapping[str, Path]]
    used: OptionalInput[Mapping[str, Path]]
    changes: OptionalInput[Mapping[str, Path]]
    poses_3d: OptionalInput[Mapping[str, Path]]
    calibrations: OptionalInput[Mapping[str, Path]]
    table: Output[Path]
    cameras: Mapping[str, config.Camera]
    score_thresholds: Mapping[str, float]
    project: str

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        views = {_view_key(session, view): view for session in project.all_sessions for view in session.views}
        trials = {
            "/".join((*session.parts, trial.name)): trial
            for session in project.all_sessions
            for trial in session.trials_3d
        }
        if views:
            yield cls(
                tracked={key: view.poses_2d_raw for key, view in views.items()},
                used={key: view.poses_2d for key, view in views.items()},
                changes={
                    key: view.filter_changes
                    for key, view in views.items()
                    if view.session.config.filter.enabled
                },
                poses_3d={key: trial.poses_3d_raw for key, trial in trials.items()},
                calibrations={key: trial.session.calibration_file for key, trial in trials.items()},
                table=project.summaries / "errors.csv",
                cameras={key: view.recording for key, view in views.items()},
                score_thresholds={
                    key: view.session.config.triangulation.score_threshold for key, view in views.items()
                },
                project=project.name,
            )

    def run(self) -> None:
        from anipose.io.row_csv import write_rows

        rows = [row for key, path in self.tracked.items() if path.is_file() for row in self._rows(key)]
        if not rows:
            raise PoseError(f"there are no tracked points yet for {self.table.name}; run: anipose run-data")
        write_rows(self.table, tuple(dict.fromkeys(name for row in rows for name in row)), rows)

    def _rows(self, key: str) -> Iterator[dict[str, Cell]]:
        from anipose.accuracy import view_quality
        from anipose.individuals import by_projection
        from anipose.io.calibration import read_calibration
        from anipose.io.filter_changes import read_changes
        from anipose.io.poses_2d import read_animals_2d
        from anipose.io.poses_3d import read_animals_3d
        from anipose.poses import side_by_side, side_by_side_3d
        from anipose.recorded import recorded_cameras

        trial, _, camera = key.rpartition("/")
        calibration, in_space = self.calibrations.get(trial), self.poses_3d.get(trial)
        poses_3d, lens = None, None
        if calibration and in_space and calibration.is_file() and in_space.is_file():
            cameras = read_calibration(calibration)
            if camera in cameras.names:
                (lens,) = recorded_cameras(cameras.subset([camera]), {camera: self.cameras[key]})
                poses_3d = read_animals_3d(in_space)
        changes = self.changes.get(key)
        tracked = read_animals_2d(self.tracked[key])
        used = read_animals_2d(self.used[key]) if self.used[key].is_file() else tracked
        used = {animal: found.advanced(self.cameras[key].frame_offset) for animal, found in used.items()}
        corner = self.cameras[key].corner
        if poses_3d and lens and len(used) > 1:
            used = {animal: found.shifted(corner) for animal, found in used.items()}
            used = by_projection(used, poses_3d, lens, threshold_px=DEFAULTS.reproj_error_threshold)
            corner = (0.0, 0.0)
        quality = view_quality(
            side_by_side(tracked),
            side_by_side(used),
            read_changes(changes) if changes and changes.is_file() else (),
            score_threshold=self.score_thresholds[key],
            poses_3d=side_by_side_3d(poses_3d) if poses_3d else None,
            camera=lens,
            offset_px=corner,
        )
        for row in quality:
            yield {**_names(trial, self.project), "camera": camera, **row}


@dataclass(frozen=True, kw_only=True)
class TrackingErrors(Job):
    """Compare 3D poses and angles with frames that were labelled in several views.

    Attributes:
        labels: files of labels by folders of the session, trial and camera, joined by "/".
        poses_3d, calibrations: files of each trial that has labels.
        angles: the table [angles] of each of these trials.
        cameras: what the config says about the camera of each view.
        units: unit of length of each trial.
    """

    command: ClassVar[str] = "tracking-errors"
    works_on: ClassVar[str] = (
        "labelled frames of two views of a trial (labeled-data/VIDEO/CollectedData_*.h5, in model_folder or "
        "in the folder of extract-frames)"
    )

    labels: Input[Mapping[str, Path]]
    poses_3d: Input[Mapping[str, Path]]
    calibrations: Input[Mapping[str, Path]]
    table: Output[Path]
    angles: Mapping[str, Mapping[str, Sequence[str]]]
    cameras: Mapping[str, config.Camera]
    units: Mapping[str, str]
    project: str

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        labels: dict[str, Path] = {}
        trials: dict[str, Trial] = {}
        cameras: dict[str, config.Camera] = {}
        for session in project.all_sessions:
            for trial in session.trials_3d:
                found = _labels_of(project, session, trial)
                if len(found) > 1:
                    key = "/".join((*session.parts, trial.name))
                    trials[key] = trial
                    labels |= {f"{key}/{camera}": path for camera, path in found.items()}
                    cameras |= {f"{key}/{camera}": trial.views[camera].recording for camera in found}
        if trials:
            yield cls(
                labels=labels,
                poses_3d={key: trial.poses_3d for key, trial in trials.items()},
                calibrations={key: trial.session.calibration_file for key, trial in trials.items()},
                table=project.summaries / "tracking_errors.csv",
                angles={key: dict(trial.session.config.angles) for key, trial in trials.items()},
                cameras=cameras,
                units={key: trial.session.config.calibration.units for key, trial in trials.items()},
                project=project.name,
            )

    def run(self) -> None:
        from anipose.io.row_csv import write_rows

        rows = [row for key in self.poses_3d for row in self._rows(key)]
        if not rows:
            raise PoseError(
                f"no frame is labelled in two views of a trial: {', '.join(map(str, self.labels.values()))}. "
                f"The "
                "number in the name of a picture is its frame (img0012.png); label the same frames in all "
                "views"
            )
        write_rows(self.table, tuple(dict.fromkeys(name for row in rows for name in row)), rows)

    def _rows(self, trial: str) -> Iterator[dict[str, Cell]]:
        from anipose.accuracy import as_tracked, labelled_points, tracking_errors
        from anipose.io.calibration import read_calibration
        from anipose.io.labels import read_labels
        from anipose.io.poses_3d import read_animals_3d
        from anipose.poses import with_animal
        from anipose.recorded import recorded_cameras

        cameras = read_calibration(self.calibrations[trial])
        keys = {key.rpartition("/")[2]: key for key in self.labels if key.rpartition("/")[0] == trial}
        found = {camera: key for camera, key in keys.items() if camera in cameras.names}
        frames, keypoints, truth = labelled_points(
            recorded_cameras(cameras, {camera: self.cameras[key] for camera, key in found.items()}),
            {camera: read_labels(self.labels[key]) for camera, key in found.items()},
            {camera: self.cameras[key] for camera, key in found.items()},
        )
        if not frames:
            return
        tracked = read_animals_3d(self.poses_3d[trial])
        for animal, labelled in as_tracked(frames, keypoints, truth, tracked).items():
            for error in tracking_errors(frames, keypoints, labelled, tracked[animal], self.angles[trial]):
                yield {
                    **_names(trial, self.project),
                    "fnum": error.frame,
                    "kind": error.kind,
                    "name": with_animal(animal, error.name),
                    "error": error.error,
                    "unit": "degrees" if error.kind == "angle" else self.units[trial],
                }


def _labels_of(project: Project, session: Session, trial: Trial) -> dict[str, Path]:
    """Camera -> file of labels, in the model folder or where extract-frames wrote the pictures."""
    from anipose.trackers.deeplabcut import label_files

    found: dict[str, Path] = {}
    for camera, view in trial.views.items():
        for folder in (project.root / session.config.extraction.folder, view.model_folder):
            files = label_files(folder) if folder is not None else {}
            for name in (label_folder(session.parts, view.stem), view.stem):
                if name in files:
                    found.setdefault(camera, files[name])
    return found


def _view_key(session: Session, view: View) -> str:
    return "/".join((*session.parts, view.trial, view.camera or ""))


def _names(trial: str, project: str) -> dict[str, Cell]:
    """The columns that say where a row is from, as in the other summaries."""
    *folders, name = trial.split("/")
    columns: dict[str, Cell] = {f"folder_{number}": folder for number, folder in enumerate(folders, start=1)}
    return {**columns, "filename": name, "project": project}
