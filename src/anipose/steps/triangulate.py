"""From tracked points in several views to points in space."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.steps.hints import CALIBRATION_HINT, POSES_2D_HINT

# Keys of the table [triangulation] that decide the result: always, with `optim`, and with its classic method.
KEYS = (
    "score_threshold",
    "min_cameras",
    "ransac",
    "score_weighting",
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
        uncertainty: of the calibration, if it is to be in the covariances.
        limb_lengths: those of all trials of the session.
        videos: camera -> video, whose pictures have to be of the size that was calibrated.
        cameras: what the config says about each camera.
        units: unit of length of the calibration.
        fps: frames per second; None: those of the videos.
    """

    command: ClassVar[str] = "triangulate"
    works_on: ClassVar[str] = "trials with two or more cameras"
    version: ClassVar[int] = 2
    hints: ClassVar[Mapping[str, str]] = {
        "calibration": CALIBRATION_HINT,
        "poses_2d": POSES_2D_HINT,
    }

    calibration: Input[Path]
    poses_2d: Input[Mapping[str, Path]]
    poses_3d: Output[Path]
    companion: Output[Path | None]
    triangulation: config.Triangulation
    uncertainty: OptionalInput[Path | None]
    limb_lengths: OptionalInput[Path | None]
    videos: OptionalInput[Mapping[str, Path]]
    cameras: Mapping[str, config.Camera]
    units: str
    fps: float | None

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
                    uncertainty=session.calibration_uncertainty,
                    limb_lengths=session.limb_lengths,
                    poses_3d=trial.poses_3d_raw,
                    companion=trial.poses_3d_raw.with_suffix(".nc") if with_companion else None,
                    triangulation=_narrowed(table),
                    cameras=trial.recordings,
                    units=session.config.calibration.units,
                    fps=session.config.fps,
                )

    def run(self) -> None:
        from anipose.individuals import animals_in_views, reconstruct_animals
        from anipose.io.calibration import read_calibration
        from anipose.io.limb_lengths import read_limb_lengths
        from anipose.io.movement import Described3D, write_animals_companion
        from anipose.io.poses_3d import write_animals_3d
        from anipose.io.views import read_animal_views
        from anipose.recorded import recorded_cameras
        from anipose.trial_checks import (
            common_rate,
            known_uncertainty,
            tell_keypoints,
            tell_lengths,
            tell_sizes,
            usable_cameras,
        )

        calibrated = recorded_cameras(read_calibration(self.calibration), self.cameras)
        trial = self.poses_3d.stem
        names = usable_cameras(trial, tuple(self.poses_2d), calibrated.names, self.calibration)
        tell_sizes(self.videos, self.cameras, {camera.name: camera.size for camera in calibrated})
        views = read_animal_views({name: self.poses_2d[name] for name in names}, self.cameras)
        first = {name: next(iter(animals.values()))[0] for name, animals in views.items()}
        tell_lengths(trial, {name: poses.n_frames for name, poses in first.items()})
        tell_keypoints(trial, {name: poses.keypoints for name, poses in first.items()})
        cameras = calibrated.subset(names)
        seen = animals_in_views(cameras, views, self.triangulation)
        known = self.limb_lengths is not None and self.limb_lengths.is_file()
        lengths = read_limb_lengths(self.limb_lengths) if self.limb_lengths and known else None
        found = reconstruct_animals(
            cameras,
            seen,
            self.triangulation,
            trial=trial,
            lengths=lengths,
            uncertainty=known_uncertainty(trial, self.uncertainty, cameras),
        )
        write_animals_3d(self.poses_3d, {animal: one.poses for animal, one in found.items()})
        if self.companion is not None:
            described = {
                animal: Described3D(one.poses, one.cameras_used, one.covariances)
                for animal, one in found.items()
            }
            write_animals_companion(
                self.companion,
                described,
                fps=self.fps or common_rate(trial, self.videos),
                unit=self.units,
                cameras=names,
            )


def _narrowed(table: config.Triangulation) -> config.Triangulation:
    """The keys that can change the result, with the method that they mean written out."""
    if not table.optim:
        return table.only(*KEYS)
    with_method = table.model_copy(update={"optim_method": table.method})
    return with_method.only(*KEYS, *OPTIM_KEYS, *(CLASSIC_KEYS if table.method == "anipose" else ()))
