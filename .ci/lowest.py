"""Print the lowest versions that pyproject.toml allows, as pip constraints."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["cluster"], *extras["parquet"], *extras["netcdf"]]:
    name, floor = re.fullmatch(r"([A-Za-z0-9-]+)>=([0-9.]+)(?:,.*)?", requirement).groups()
    print(f"{name}=={floor}")
