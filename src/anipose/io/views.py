"""The 2D poses of all views of a trial, as triangulation needs them."""

from collections.abc import Mapping
from pathlib import Path

from anipose.config import Camera
from anipose.io.poses_2d import read_animal_candidates_2d, read_poses_2d
from anipose.poses import Poses2D


def read_views(paths: Mapping[str, Path], cameras: Mapping[str, Camera]) -> dict[str, Poses2D]:
    """Tracked points by camera, on the sensors that were calibrated, in the frames of the trial.

    Args:
        paths: the file of each camera.
        cameras: what the config says about each.
    """
    return {
        name: read_poses_2d(path).shifted(cameras[name].corner).advanced(cameras[name].frame_offset)
        for name, path in paths.items()
    }


def read_animal_views(
    paths: Mapping[str, Path], cameras: Mapping[str, Camera]
) -> dict[str, dict[str, tuple[Poses2D, ...]]]:
    """As `read_views`, of every animal, with all the candidates of the tracker: the first, second, ... ."""
    return {
        name: {
            animal: tuple(
                poses.shifted(cameras[name].corner).advanced(cameras[name].frame_offset)
                for poses in candidates.each
            )
            for animal, candidates in read_animal_candidates_2d(path).items()
        }
        for name, path in paths.items()
    }
