"""What may be wrong with the views of a trial: told before they are triangulated, and no more than that."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from anipose.config import Camera
from anipose.errors import FileFormatError, PoseError
from anipose.geometry.calibration_uncertainty import CalibrationUncertainty
from anipose.geometry.cameras import Cameras
from anipose.io.calibration_uncertainty import read_calibration_uncertainty
from anipose.io.video import frame_rate, picture_size

log = logging.getLogger(__name__)

# Cameras that run together differ by less than this share, even if their files say 29.97 and 30.
SAME_RATE = 0.005


def usable_cameras(
    trial: str, views: Sequence[str], calibrated: Sequence[str], calibration: Path
) -> tuple[str, ...]:
    """The cameras of a trial that are calibrated.

    Raises:
        PoseError: there are fewer than two.
    """
    missing = [name for name in views if name not in calibrated]
    usable = tuple(name for name in views if name in calibrated)
    if len(usable) < 2:
        raise PoseError(
            f"trial {trial} has the cameras {', '.join(views)}, "
            f"but {calibration} has {', '.join(calibrated)}; two of the same name are needed. "
            "Calibrate the others, or correct triangulation.cam_regex so that the names are the same"
        )
    if missing:
        log.warning(
            "trial %s: camera %s is not in %s; triangulated from %s",
            trial,
            ", ".join(missing),
            calibration,
            ", ".join(usable),
        )
    return usable


def tell_sizes(
    videos: Mapping[str, Path], cameras: Mapping[str, Camera], calibrated: Mapping[str, tuple[int, int]]
) -> None:
    """Warn of videos of another size than they should have, unless the config says they are crops.

    No more than that: the videos may be small copies of those that were tracked.

    Args:
        calibrated: sizes of the pictures that were calibrated, or that `[cameras.X] size` gives.
    """
    for name, video in videos.items():
        if name not in calibrated or any(cameras[name].corner) or not video.is_file():
            continue
        try:
            size = picture_size(video)
        except FileFormatError as error:
            log.warning("%s; its size cannot be compared with the calibration", error)
            continue
        if size != calibrated[name] and cameras[name].size is not None:
            log.warning(
                "[cameras.%s] size = [%d, %d], but %s has %dx%d. It has to be the size in which it was "
                "tracked",
                name,
                *calibrated[name],
                video.name,
                *size,
            )
        elif size != calibrated[name]:
            log.warning(
                "camera %s was calibrated with pictures of %dx%d, but %s has %dx%d. If it was tracked in "
                "that size, say so: [cameras.%s] size = [%d, %d] if it shows the whole picture with other "
                "pixels, or offset = [x, y] if it is a part of it, with the first pixel of that",
                name,
                *calibrated[name],
                video.name,
                *size,
                name,
                *size,
            )


def common_rate(trial: str, videos: Mapping[str, Path]) -> float | None:
    """Frames per second of the videos of a trial; None, with a warning, if they differ, or none is there."""
    rates = {}
    for name, video in videos.items():
        try:
            rate = frame_rate(video) if video.is_file() else None
        except FileFormatError:
            continue  # `tell_sizes` says so
        if rate is not None:
            rates[name] = rate
    if not rates:
        return None
    if max(rates.values()) > (1 + SAME_RATE) * min(rates.values()):
        log.warning(
            "trial %s: the videos differ in their frames per second (%s). If the cameras ran together, the "
            "files are wrong: set fps at the top of config.toml. If not, the trial cannot be triangulated",
            trial,
            ", ".join(f"{name} {rate:g}" for name, rate in rates.items()),
        )
        return None
    return min(rates.values())


def known_uncertainty(trial: str, path: Path | None, cameras: Cameras) -> CalibrationUncertainty | None:
    """How sure a calibration is of these cameras; None, with a warning, where that is not known.

    Args:
        path: where it is; None if nobody wants to know.
    """
    if path is None:
        return None
    found = read_calibration_uncertainty(path) if path.is_file() else None
    if found is not None and found.is_of(cameras):
        return found
    log.warning(
        "trial %s: the covariances are without the uncertainty of the calibration, since %s %s",
        trial,
        path,
        "is that of another calibration, or of cameras without [cameras.X] size"
        if found
        else "is not there: only anipose calibrate makes it",
    )
    return None


def tell_keypoints(trial: str, keypoints: Mapping[str, Sequence[str]]) -> None:
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


def tell_lengths(trial: str, n_frames: Mapping[str, int]) -> None:
    """Warn if the views of a trial are not of the same length: then they may be out of step, too."""
    if len(set(n_frames.values())) > 1:
        lengths = ", ".join(f"{camera} {n}" for camera, n in n_frames.items())
        log.warning(
            "trial %s: the views differ in their number of frames (%s); what a camera lacks at its end "
            "counts as not seen. Check that the cameras were started together",
            trial,
            lengths,
        )
