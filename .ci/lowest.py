"""Print the lowest versions that pyproject.toml allows, as pip constraints."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
optional = [requirement for name in ("cluster", "parquet", "netcdf", "onnx") for requirement in extras[name]]
for requirement in [*project["dependencies"], *optional]:
    name, floor = re.fullmatch(r"([A-Za-z0-9-]+)>=([0-9.]+)(?:,.*)?", requirement).groups()
    print(f"{name}=={floor}")
