"""Runs in the environment of movement: it loads files that we wrote, and says what it found."""

import json
import sys
from pathlib import Path

import numpy as np
import xarray as xr
from movement.io import load_poses
from movement.validators.datasets import ValidPosesInputs

folder = Path(sys.argv[1])


def described(dataset: xr.Dataset) -> dict[str, object]:
    keypoints = [str(name) for name in dataset.keypoints.values]
    position = dataset.position.isel(individuals=0).transpose("time", "keypoints", ...).values
    return {
        "keypoints": keypoints,
        "position": np.where(np.isfinite(position), position, -1e9).tolist(),
        "confidence": np.nan_to_num(dataset.confidence.isel(individuals=0).values, nan=-1e9).tolist(),
        "time": dataset.time.values.tolist(),
        "fps": dataset.attrs.get("fps"),
    }


companion = xr.load_dataset(folder / "pose_3d.nc")
ValidPosesInputs.validate(companion)
results = {
    "csv": load_poses.from_anipose_file(folder / "pose_3d.csv", fps=100),
    "nc": companion,
    "h5": load_poses.from_dlc_file(folder / "pose_2d.h5", fps=100),
}
animals = xr.load_dataset(folder / "animals_3d.nc")
ValidPosesInputs.validate(animals)
tracked = load_poses.from_dlc_file(folder / "animals_2d.h5", fps=100)
several = {
    name: {
        "individuals": [str(individual) for individual in dataset.individuals.values],
        "berta": dataset.position.sel(individuals="berta", keypoints="nose").values.tolist(),
    }
    for name, dataset in {"nc": animals, "h5": tracked}.items()
}
described_results = {name: described(dataset) for name, dataset in results.items()}
print("\n" + json.dumps({**described_results, "several": several}))
