"""Cameras as they recorded a trial, from cameras as they were calibrated and what the config says."""

from collections.abc import Mapping

from anipose import config
from anipose.errors import ConfigError
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.picture_window import PictureWindow

# Rounding of sizes changes the factors by less than this.
SAME_FACTOR = 0.01


def recorded_cameras(calibrated: Cameras, settings: Mapping[str, config.Camera]) -> Cameras:
    """The cameras with the lenses of the pictures that were recorded, where `[cameras.X] size` is given.

    Where it is not, a crop shifts the tracked points instead (`config.Camera.corner`).

    Raises:
        ConfigError: a picture cannot be a part of the calibrated one.
    """
    cameras = []
    for camera in calibrated:
        window = recorded_window(camera, settings.get(camera.name, config.Camera()))
        cameras.append(camera if window is None else window.camera(camera))
    return Cameras(tuple(cameras), calibrated.metadata)


def recorded_window(camera: Camera, settings: config.Camera) -> PictureWindow | None:
    """What the recorded pictures show, or None if they have the calibrated pixels.

    Raises:
        ConfigError: a picture cannot be a part of the calibrated one.
    """
    if settings.size is None:
        return None
    size, corner = settings.size, (settings.offset[0], settings.offset[1])
    if len(settings.offset) == 4:
        window = PictureWindow(corner, (settings.offset[2], settings.offset[3]), size)
    elif any(corner):
        window = PictureWindow(corner, (float(size[0]), float(size[1])), size)
    else:
        window = PictureWindow(corner, (float(camera.size[0]), float(camera.size[1])), size)
        across, down = window.factors
        if abs(across / down - 1) > SAME_FACTOR:
            raise ConfigError(
                f"[cameras.{camera.name}] size = {list(size)} is not the calibrated picture of "
                f"{camera.size[0]}x{camera.size[1]} with fewer pixels: it would be {across:.3g} times in "
                f"width, but {down:.3g} times in height. If it shows a part of it, say which, in calibrated "
                "pixels: offset = [x, y, width, height]"
            )
    beyond = any(
        start >= whole or start + extent <= 0
        for start, extent, whole in zip(window.corner, window.extent, camera.size, strict=True)
    )
    if beyond:
        given = ", ".join(f"{value:g}" for value in settings.offset)
        raise ConfigError(
            f"[cameras.{camera.name}] offset = [{given}] lies outside the calibrated "
            f"picture of {camera.size[0]}x{camera.size[1]}; it counts in calibrated pixels"
        )
    return window
