"""Videos of 3D poses, alone and beside all the views they were made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.session import Trial
from anipose.steps.label import EXCERPT, STYLE

VIEW_3D = ("heading", "elevation", "rotation", "up", "follow")


@dataclass(frozen=True, kw_only=True)
class _LabelScene(Job):
    """The video of the 3D poses of a trial."""

    works_on: ClassVar[str] = "trials with two or more cameras"

    poses_3d: Input[Path]
    calibration: OptionalInput[Path]
    video: OptionalInput[Path | None]  # how fast it was filmed
    labeled: Output[Path]
    still: Output[Path]
    labeling: config.Labeling
    labeling3d: config.Labeling3D
    triangulation: config.Triangulation
    units: str

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for trial in session.trials_3d:
                for poses_3d, labeled in cls._made_from(trial):
                    # In step with the trial where possible: its times are those of the poses.
                    views = sorted(trial.views.values(), key=lambda view: view.settings.frame_offset != 0)
                    videos = (view.video for view in views)
                    yield cls(
                        poses_3d=poses_3d,
                        calibration=session.calibration_file,
                        video=next((video for video in videos if video is not None), None),
                        labeled=labeled,
                        still=labeled.with_suffix(".png"),
                        labeling=session.config.labeling.only("scheme", "ignore", "color", *EXCERPT),
                        labeling3d=session.config.labeling3d.only(*VIEW_3D, "size"),
                        triangulation=session.config.triangulation.only("axes"),
                        units=session.config.calibration.units,
                    )

    @classmethod
    def _made_from(cls, trial: Trial) -> Iterator[tuple[Path, Path]]:
        """The 3D poses of a trial and the video to be made of them, if there is to be one."""
        raise NotImplementedError

    def run(self) -> None:
        from anipose.draw.labeled import label_scene
        from anipose.io.poses_3d import read_animals_3d

        animals = read_animals_3d(self.poses_3d)
        frame = next(iter(animals.values())).frame
        label_scene(
            self.video if self.video is not None and self.video.is_file() else None,
            animals,
            self.labeled,
            self.still,
            up=up_axis(self.labeling3d, self.triangulation, self.calibration, frame.rotation),
            units=self.units,
            labeling=self.labeling,
            labeling3d=self.labeling3d,
        )


@dataclass(frozen=True, kw_only=True)
class Label3D(_LabelScene):
    """Show the 3D poses."""

    command: ClassVar[str] = "label-3d"

    @classmethod
    def _made_from(cls, trial: Trial) -> Iterator[tuple[Path, Path]]:
        yield trial.poses_3d_raw, trial.labeled_3d


@dataclass(frozen=True, kw_only=True)
class Label3DFilter(_LabelScene):
    """Show the filtered 3D poses (needs filter3d.enabled)."""

    command: ClassVar[str] = "label-3d-filter"
    works_on: ClassVar[str] = "trials with two or more cameras (with filter3d.enabled = true)"

    @classmethod
    def _made_from(cls, trial: Trial) -> Iterator[tuple[Path, Path]]:
        if trial.session.config.filter3d.enabled or trial.poses_3d_filtered.is_file():
            yield trial.poses_3d_filtered, trial.labeled_3d_filtered


@dataclass(frozen=True, kw_only=True)
class LabelCombined(Job):
    """Show all the views with their points, the 3D poses and angles together."""

    command: ClassVar[str] = "label-combined"
    works_on: ClassVar[str] = "trials with two or more cameras"

    videos: Input[Mapping[str, Path | None]]
    poses_2d: Input[Mapping[str, Path]]
    poses_3d: Input[Path]
    angles: Input[Path | None]
    calibration: OptionalInput[Path]
    combined: Output[Path]
    still: Output[Path]
    labeling: config.Labeling
    labeling3d: config.Labeling3D
    triangulation: config.Triangulation
    units: str
    filtered: bool
    cameras: Mapping[str, config.Camera]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for trial in session.trials_3d:
                yield cls(
                    videos={camera: view.video for camera, view in trial.views.items()},
                    poses_2d={camera: view.poses_2d for camera, view in trial.views.items()},
                    poses_3d=trial.poses_3d,
                    angles=trial.angles if session.config.angles else None,
                    calibration=session.calibration_file,
                    combined=trial.combined,
                    still=trial.combined.with_suffix(".png"),
                    labeling=session.config.labeling.only(*STYLE, *EXCERPT, "angles"),
                    labeling3d=session.config.labeling3d.only(*VIEW_3D),
                    triangulation=session.config.triangulation.only("score_threshold", "axes"),
                    units=session.config.calibration.units,
                    filtered=session.config.filter.enabled,
                    cameras=trial.recordings,
                )

    def run(self) -> None:
        from anipose.draw.labeled import label_trial
        from anipose.io.poses_2d import read_animals_2d
        from anipose.io.poses_3d import read_animals_3d
        from anipose.io.tables import read_angles

        animals = read_animals_3d(self.poses_3d)
        frame = next(iter(animals.values())).frame
        views = {camera: read_animals_2d(path) for camera, path in self.poses_2d.items()}
        label_trial(
            self.videos,
            views if len(animals) == 1 else self._named(views, animals),
            animals,
            read_angles(self.angles) if self.angles is not None else None,
            self.combined,
            self.still,
            up=up_axis(self.labeling3d, self.triangulation, self.calibration, frame.rotation),
            units=self.units,
            what="filtered" if self.filtered else "tracked",
            labeling=self.labeling,
            labeling3d=self.labeling3d,
            threshold=self.triangulation.score_threshold,
            frame_offsets={name: camera.frame_offset for name, camera in self.cameras.items()},
        )

    def _named(
        self, views: Mapping[str, Mapping[str, Any]], animals: Mapping[str, Any]
    ) -> dict[str, Mapping[str, Any]]:
        """The points of each view with the animals called as in space, where the cameras are known."""
        from anipose.individuals import by_projection
        from anipose.io.calibration import read_calibration
        from anipose.recorded import recorded_cameras

        if not self.calibration.is_file():
            return dict(views)
        threshold = self.triangulation.reproj_error_threshold
        named = dict(views)
        for camera in recorded_cameras(read_calibration(self.calibration), self.cameras):
            if camera.name in views:
                (x, y), late = self.cameras[camera.name].corner, self.cameras[camera.name].frame_offset
                view = {n: poses.shifted((x, y)).advanced(late) for n, poses in views[camera.name].items()}
                found = by_projection(view, animals, camera, threshold_px=threshold)
                named[camera.name] = {
                    name: poses.advanced(-late).shifted((-x, -y)) for name, poses in found.items()
                }
        return named


def up_axis(
    table: config.Labeling3D,
    triangulation: config.Triangulation,
    calibration: Path,
    rotation: Any,
) -> str:
    """The axis of 3D poses that points upwards, such as "-y".

    Args:
        rotation: (3, 3), from the world of the calibration to the frame of the poses.
    """
    import numpy as np

    from anipose.io.calibration import read_calibration

    if table.up != "auto":
        return table.up
    if triangulation.axes or not calibration.is_file():
        return "z"
    # Most cameras stand upright: up is against the columns of their pictures.
    upwards = sum(-camera.rotation_matrix[1] for camera in read_calibration(calibration))
    in_frame = rotation @ upwards
    axis = int(np.argmax(np.abs(in_frame)))
    return ("" if in_frame[axis] > 0 else "-") + "xyz"[axis]
