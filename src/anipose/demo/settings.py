"""The config.toml of the demo, with comments for somebody who makes one for his own experiment."""

from anipose.demo.calibration_film import BOARD
from anipose.demo.render import HUES

# The paint of a marker is told from its neighbours on the colour wheel (30 degrees away) by this.
HUE_TOLERANCE = 11

HEAD = """\
# A demo of anipose: a lizard with painted joints walks on a table, filmed by four cameras.
# Everything in `truth` is what it was rendered from; anipose does not look at it.
# Every key is explained in the reference of config.toml.

project = "anipose-demo"

# What finds the keypoints in the videos: here the markers by their colours, no trained model needed.
model_type = "markers"

# Sessions are one folder below this file.
nesting = 1
video_extension = "mp4"

[calibration]
board_type = "charuco"
board_size = [{columns}, {rows}]  # squares
board_square_side_length = {square:g}  # millimetres, measured on the printed board
board_marker_length = {marker:g}
board_marker_bits = {bits}
board_marker_dict_number = {dictionary}

[triangulation]
# walk1-camA.mp4 is the view of camera A of the trial walk1.
cam_regex = "-cam([A-Z])"
# A marker that is half hidden, or not where it was expected, has a low score.
score_threshold = 0.65
# Coordinates: x along the body, y to its left, origin at the hip.
axes = [
  ["x", "hip", "shoulder"],
  ["y", "right_front_knee", "left_front_knee"],
]
reference_point = "hip"
# Bones, whose length does not change.
constraints = [
  ["hip", "shoulder"],
  ["left_front_knee", "left_front_foot"],
  ["right_front_knee", "right_front_foot"],
  ["left_hind_knee", "left_hind_foot"],
  ["right_hind_knee", "right_hind_foot"],
]

[filter]
enabled = true
# A foot swings in an eighth of a second, 8 frames: a longer median would cut off its way.
medfilt = 3
offset_threshold = 6
score_threshold = 0.4
# A marker that is hidden for longer stays unknown in that camera; the others see it.
max_gap = 3

[labeling]
scheme = [
  ["nose", "shoulder", "hip", "tail"],
  ["shoulder", "left_front_knee", "left_front_foot"],
  ["shoulder", "right_front_knee", "right_front_foot"],
  ["hip", "left_hind_knee", "left_hind_foot"],
  ["hip", "right_hind_knee", "right_hind_foot"],
]

[angles]
# At the middle of three keypoints.
left_front_knee = ["shoulder", "left_front_knee", "left_front_foot"]
right_front_knee = ["shoulder", "right_front_knee", "right_front_foot"]
neck = ["flex", "nose", "shoulder", "hip"]
# About a bone, and about the normal of two bones.
left_hind_rotation = ["axis", "hip", "left_hind_knee", "left_hind_foot"]
tail_swing = ["cross-axis", "shoulder", "hip", "tail"]
# All joints along a limb.
right_hind = ["chain", "hip", "right_hind_knee", "right_hind_foot"]

[markers]
# Square pixels. Smaller blobs are what is left of a hidden marker.
area = [16, 400]
# Pixels: no marker moves further between two frames.
gate = 30
"""

MARKER = """
[markers.keypoints.{name}]
hue = [{first:g}, {last:g}]
"""


def config_text() -> str:
    """The file."""
    head = HEAD.format(
        columns=BOARD.columns,
        rows=BOARD.rows,
        square=BOARD.square_length,
        marker=BOARD.marker_length,
        bits=BOARD.marker_bits,
        dictionary=BOARD.dictionary_size,
    )
    markers = (
        MARKER.format(name=name, first=(hue - HUE_TOLERANCE) % 360, last=(hue + HUE_TOLERANCE) % 360)
        for name, hue in HUES.items()
    )
    return head + "".join(markers)
