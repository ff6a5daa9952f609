"""Views of a trial are shown in step, also where a camera started at another time."""

from pathlib import Path

import numpy as np
import pytest

from anipose.config import Labeling, Labeling3D
from anipose.draw.labeled import label_trial
from anipose.io.video import read_gray
from anipose.poses import UNNAMED, Frame3D, Poses2D, Poses3D
from films import N_FRAMES, SIZE, encode, number_of

LATE = {"A": 0, "B": 5, "C": -4}


def label(folder: Path, **labeling: object) -> Path:
    """Three cameras; the point is on the upper left corner of the white square of each."""
    videos = {name: encode(folder / f"{name}.mp4", options={"bf": "2"}) for name in LATE}
    corner = np.zeros((N_FRAMES, 1, 2))
    corner[:, 0] = np.column_stack([4 * np.arange(N_FRAMES), np.full(N_FRAMES, 90)])
    tracked = Poses2D(("corner",), corner, np.ones((N_FRAMES, 1)))
    n_frames = N_FRAMES - 5
    ones = np.ones((n_frames, 1))
    place = np.zeros((n_frames, 1, 3))
    film = folder / "combined.mp4"
    label_trial(
        videos,
        {camera: {UNNAMED: tracked} for camera in LATE},
        {UNNAMED: Poses3D(("corner",), place, ones, 3 * ones, ones, Frame3D(), np.arange(n_frames))},
        None,
        film,
        film.with_suffix(".png"),
        up="z",
        units="mm",
        what="tracked",
        labeling=Labeling.model_validate(labeling),
        labeling3d=Labeling3D(rotation=0),
        threshold=0.5,
        frame_offsets=LATE,
    )
    return film


@pytest.mark.parametrize("start", [0, 12])
def test_views_are_in_step(tmp_path: Path, start: int) -> None:
    film = label(tmp_path, start=start)
    width, height = 2 * SIZE[0], 2 * SIZE[1]  # small videos are enlarged twice
    images = list(read_gray(film))
    assert len(images) == N_FRAMES + 4 - start
    for place, image in enumerate(images):
        views = [image[top:, :width][:height] for top in (0, height + 8, 2 * (height + 8))]
        for view, late in zip(views, LATE.values(), strict=True):
            number = start + place + late
            small = view[::2, ::2]
            if 0 <= number < N_FRAMES:
                assert number_of(small) == number
                assert small[90, 4 * number] != small[110, 4 * number]
            else:
                assert small[60, 20] < 80
