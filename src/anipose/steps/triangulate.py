"""From tracked points in several views to points in space."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.errors import FileFormatError, PoseError
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.steps.hints import CALIBRATION_HINT, POSES_2D_HINT

log = logging.getLogger(__name__)

# Keys of the table [triangulation] that decide the result: always, with `optim`, and with its classic method.
KEYS = (
    "score_threshold",
    "min_cameras",
    "ransac",
    "fix_swaps",
    "optim",
    "reproj_error_threshold",
    "axes",
    "reference_point",
)
OPTIM_KEYS = ("optim_method", "n_deriv_smooth", "constraints", "constraints_weak", "max_gap")
CLASSIC_KEYS = ("scale_smooth", "scale_length", "scale_length_weak", "reproj_loss")


@dataclass(frozen=True, kw_only=True)
class Triangulate(Job):
    """Find 3D poses from the 2D poses of every camera.

    Attributes:
        poses_2d: camera -> file.
        poses_3d: the table that other programs know.
        companion: the same with all that is known about it, where the packages for NetCDF are installed.
        videos: camera -> video, whose pictures have to be of the size that was calibrated.
        cameras: what the config says about each camera.
        units: unit of length of the calibration.
    """

    command: ClassVar[str] = "triangulate"
    works_on: ClassVar[str] = "trials with two or more cameras"
    hints: ClassVar[Mapping[str, str]] = {
        "calibration": CALIBRATION_HINT,
        "poses_2d": POSES_2D_HINT,
    }

    calibration: Input[Path]
    poses_2d: Input[Mapping[str, Path]]
    poses_3d: Output[Path]
    companion: Output[Path | None]
    triangulation: config.Triangulation
    videos: OptionalInput[Mapping[str, Path]]
    cameras: Mapping[str, config.Camera]
    units: str

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        with_companion = find_spec("xarray") is not None and find_spec("netCDF4") is not None
        for session in project.sessions:
            table = session.config.triangulation
            for trial in session.trials_3d:
                yield cls(
                    calibration=session.calibration_file,
                    poses_2d={camera: view.poses_2d for camera, view in trial.views.items()},
                    videos={c: view.video for c, view in trial.views.items() if view.video is not None},
                    poses_3d=trial.poses_3d_raw,
                    companion=trial.poses_3d_raw.with_suffix(".nc") if with_companion else None,
                    triangulation=_narrowed(table),
                    cameras={
                        camera: view.settings.only("offset", "frame_offset")
                        for camera, view in trial.views.items()
                    },
                    units=session.config.calibration.units,
                )

    def run(self) -> None:
        from anipose.io.calibration import read_calibration
        from anipose.io.movement import write_companion
        from anipose.io.poses_3d import write_poses_3d
        from anipose.io.views import read_views
        from anipose.poses import MultiviewPoses
        from anipose.reconstruction import reconstruct

        calibrated = read_calibration(self.calibration)
        names = self._usable(calibrated.names)
        self._tell_sizes({camera.name: camera.size for camera in calibrated})
        views = read_views({name: self.poses_2d[name] for name in names}, self.cameras)
        _tell_lengths(self.poses_3d.stem, {name: view.n_frames for name, view in views.items()})
        _tell_keypoints(self.poses_3d.stem, {name: view.keypoints for name, view in views.items()})
        seen = MultiviewPoses.from_views(views)
        found = reconstruct(calibrated.subset(names), seen, self.triangulation, trial=self.poses_3d.stem)
        write_poses_3d(self.poses_3d, found.poses)
        if self.companion is not None:
            write_companion(
                self.companion,
                found.poses,
                fps=None,
                unit=self.units,
                cameras=names,
                cameras_used=found.cameras_used,
                covariances=found.covariances,
            )

    def _usable(self, calibrated: tuple[str, ...]) -> tuple[str, ...]:
        """The cameras of the trial that are calibrated.

        Raises:
            PoseError: there are fewer than two.
        """
        missing = [name for name in self.poses_2d if name not in calibrated]
        usable = tuple(name for name in self.poses_2d if name in calibrated)
        if len(usable) < 2:
            raise PoseError(
                f"trial {self.poses_3d.stem} has the cameras {', '.join(self.poses_2d)}, "
                f"but {self.calibration} has {', '.join(calibrated)}; two of the same name are needed. "
                "Calibrate the others, or correct triangulation.cam_regex so that the names are the same"
            )
        if missing:
            log.warning(
                "trial %s: camera %s is not in %s; triangulated from %s",
                self.poses_3d.stem,
                ", ".join(missing),
                self.calibration,
                ", ".join(usable),
            )
        return usable

    def _tell_sizes(self, calibrated: Mapping[str, tuple[int, int]]) -> None:
        """Warn of videos of another size than was calibrated, unless the config says they are crops.

        No more than that: the videos may be small copies of those that were tracked.
        """
        from anipose.io.video import picture_size

        for name, video in self.videos.items():
            if name not in calibrated or any(self.cameras[name].corner) or not video.is_file():
                continue
            try:
                size = picture_size(video)
            except FileFormatError as error:
                log.warning("%s; its size cannot be compared with the calibration", error)
                continue
            if size != calibrated[name]:
                log.warning(
                    "camera %s was calibrated with pictures of %dx%d, but %s has %dx%d. If it was tracked in "
                    "that size, calibrate with videos of the same size; or, if it is a part of the picture, "
                    "say where that begins: [cameras.%s] offset = [x, y]",
                    name,
                    *calibrated[name],
                    video.name,
                    *size,
                    name,
                )


def _narrowed(table: config.Triangulation) -> config.Triangulation:
    """The keys that can change the result, with the method that they mean written out."""
    if not table.optim:
        return table.only(*KEYS)
    with_method = table.model_copy(update={"optim_method": table.method})
    return with_method.only(*KEYS, *OPTIM_KEYS, *(CLASSIC_KEYS if table.method == "anipose" else ()))


def _tell_keypoints(trial: str, keypoints: Mapping[str, Sequence[str]]) -> None:
    """Warn of keypoints that some views do not have: a misspelt name looks like that, too."""
    everywhere = dict.fromkeys(name for names in keypoints.values() for name in names)
    lacking = {
        camera: [name for name in everywhere if name not in names] for camera, names in keypoints.items()
    }
    if any(lacking.values()):
        parts = [f"camera {camera} has no {', '.join(names)}" for camera, names in lacking.items() if names]
        log.warning(
            "trial %s: the views differ in their keypoints (%s); each is triangulated from the views that "
            "have it",
            trial,
            "; ".join(parts),
        )


def _tell_lengths(trial: str, n_frames: Mapping[str, int]) -> None:
    """Warn if the views of a trial are not of the same length: then they may be out of step, too."""
    if len(set(n_frames.values())) > 1:
        lengths = ", ".join(f"{camera} {n}" for camera, n in n_frames.items())
        log.warning(
            "trial %s: the views differ in their number of frames (%s); what a camera lacks at its end "
            "counts as not seen. Check that the cameras were started together",
            trial,
            lengths,
        )
