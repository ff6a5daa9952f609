"""What to do when a file is missing that a step needs, and no step makes it."""

CALIBRATION_HINT = (
    "put videos of a calibration board, or a calibration.toml, into the folder calibration of the session "
    "or of a folder above it"
)
POSES_2D_HINT = "track the videos with: anipose analyze (or everything with: anipose run-data)"
POSES_3D_HINT = "make it with: anipose triangulate (or everything with: anipose run-data)"
