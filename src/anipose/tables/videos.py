"""The tables of config.toml about videos: compressing them, and drawing on them."""

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from anipose.config_types import (
    Colours,
    Encoder,
    Frames,
    Integer,
    Names,
    Number,
    Scheme,
    Size,
    Switch,
    Table,
    Unit,
    Up,
)


class Labeling(Table):
    """Drawing keypoints on videos."""

    TABLE: ClassVar[str] = "labeling"

    scheme: Scheme = ()
    """Lines to draw: each list joins its keypoints in order. Empty: points without lines."""
    ignore: Names = ()
    """Keypoints that are not drawn."""
    color: Colours = ()
    """Colours of the lists of `scheme`, one after the other, written as "#rrggbb". When empty, colours that
    are told apart with colour blindness, too."""
    radius: Annotated[Number, Gt(0), Unit("px")] | None = None
    """Radius of a point. When absent, what suits the size of the video."""
    angles: Names = ()
    """Angles whose curves are below the videos of `anipose label-combined`. When empty, the first four."""
    start: Frames = 0
    """First frame that is shown (`--start`)."""
    end: Frames | None = None
    """Frame before which the video ends (`--end`). When absent, all are shown."""
    every: Annotated[Integer, Ge(1)] = 1
    """2 shows every second frame, 3 every third, as fast as all of them would be (`--every`)."""
    speed: Annotated[Number, Gt(0)] = 1
    """How many times faster than filmed the video plays: 0.1 is slow motion (`--speed`)."""


class Labeling3D(Table):
    """Videos of the 3D poses: from where they are looked at."""

    TABLE: ClassVar[str] = "labeling3d"

    heading: Annotated[Number, Ge(-360), Le(360), Unit("degrees")] = -60
    """Direction from the animal to the viewer: 0 is along the first horizontal axis, 90 along the second."""
    elevation: Annotated[Number, Ge(-89), Le(89), Unit("degrees")] = 25
    """How far above the horizon the viewer is."""
    rotation: Annotated[Number, Ge(-360), Le(360), Unit("degrees per second")] = 10
    """How fast the viewer walks around the animal. 0: stands still."""
    follow: Switch = False
    """Walk along with the animal, so that it is large in the picture however far it goes. false: all of its
    way is in view."""
    up: Up = "auto"
    """Axis that points upwards. "auto": z if `triangulation.axes` is given, or what is up for the cameras."""
    size: Size = (800, 800)
    """Size of the video."""


class Conversion(Table):
    """Converting videos (`anipose convert-videos`)."""

    TABLE: ClassVar[str] = "conversion"

    quality: Annotated[Integer, Ge(0), Le(51)] = 17
    """Quality of H.264, as its CRF (`--quality`): 0 is lossless, 17 can hardly be told from the original, 23
    is a third of the size, 51 is the worst."""
    encoder: Encoder = "x264"
    """"hardware" uses the graphics card where it can encode, which is faster; the files are then not the same
    on every computer."""
