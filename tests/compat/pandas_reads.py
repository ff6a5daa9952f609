"""Runs in an environment with an older pandas: it reads tables that we wrote, and says what it found."""

import json
import sys
from pathlib import Path

import pandas as pd

folder = Path(sys.argv[1])
poses = pd.read_hdf(folder / "pose_2d.h5", key="df_with_missing")
summary = pd.read_hdf(folder / "summary.h5")
part = pd.read_hdf(folder / "pose_2d.h5", where="index >= 1")
poses.to_hdf(folder / "copy_table.h5", key="df_with_missing", format="table", mode="w")
poses.to_hdf(folder / "copy_fixed.h5", key="df_with_missing", format="fixed", mode="w")
result = {
    "version": pd.__version__,
    "columns": poses.columns.tolist(),
    "levels": list(poses.columns.names),
    "values": poses.fillna(-1).to_numpy().tolist(),
    "part": part.index.tolist(),
    "summary": summary.columns.tolist(),
    "last": summary.iloc[-1].tolist(),
}
print("\n" + json.dumps(result))
