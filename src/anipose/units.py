"""Units of length."""

import json

from anipose.errors import ConfigError

# Millimetres in each.
MM = {
    "mm": 1.0,
    "millimetre": 1.0,
    "millimeter": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "um": 1e-3,
    "µm": 1e-3,
    "in": 25.4,
}


def in_mm(unit: str) -> float:
    """Millimetres in a unit.

    Raises:
        ConfigError: it is none that we know.
    """
    if unit not in MM:
        raise ConfigError(
            f"calibration.units = {json.dumps(unit, ensure_ascii=False)} is no unit of length that is known; "
            f"use one of {', '.join(MM)}"
        )
    return MM[unit]
