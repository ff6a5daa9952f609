"""What the keys of config.toml are made of: the base of all tables and the kinds of values.

A kind says in its type what is allowed and, for the reference page and the error messages, how to
say so in words (`describe`). Lists become tuples, so that a config never changes under its readers.
"""

import re
import types
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PrivateAttr, Strict

ANGLE_FORMS = ("flex", "axis", "cross-axis", "chain")
"""First words of the angles that are not the plain angle at the middle of three keypoints."""


@dataclass(frozen=True)
class Says:
    """How a kind of value is called in error messages and on the reference page."""

    words: str


@dataclass(frozen=True)
class Unit:
    """Unit of a number: "px", "frames"."""

    name: str


class Table(BaseModel):
    """A table of config.toml: its keys, their kinds and their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    TABLE: ClassVar[str] = ""

    _narrowed: frozenset[str] | None = PrivateAttr(default=None)

    def only(self, *keys: str) -> Self:
        """A copy with these keys; all others have their defaults and are no settings of it.

        A job holds the keys it reads and no more, so that another key cannot make it stale.
        """
        for key in keys:
            if key not in type(self).model_fields:
                raise AttributeError(f"[{self.TABLE}] has no key {key}")
        narrowed = type(self).model_construct(
            _fields_set=set(keys), **{key: getattr(self, key) for key in keys}
        )
        narrowed._narrowed = frozenset(keys)
        return narrowed

    def settings(self) -> dict[str, Any]:
        """The keys this table was narrowed to, or all of them, as JSON values."""
        return self.model_dump(mode="json", include=None if self._narrowed is None else set(self._narrowed))


def _lowered(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _lowered_list(value: Any) -> Any:
    value = _listed(value)
    return [_lowered(item) for item in value] if isinstance(value, (list, tuple)) else value


def _text_of_number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _slashes(path: str) -> str:
    # Backslashes are what Windows writes; everything we run on also takes the other slash.
    return path.replace("\\", "/")


def _bare_extensions(value: Any) -> Any:
    value = _lowered_list(value)
    if not isinstance(value, list):
        return value
    return [item.lstrip("*.") if isinstance(item, str) else item for item in value]


def _different(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    if repeated:
        raise ValueError(f'names "{repeated[0]}" more than once')
    return values


def _odd_window(frames: int) -> int:
    if frames > 0 and frames % 2 == 0:
        raise ValueError(f"should be odd, so that the window has a middle: {frames - 1} or {frames + 1}")
    return frames


DEVICES = '"auto", "cpu", "cuda", "mps", or one of several cards, as "cuda:1"'


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ValueError(f"should be {DEVICES}")
    return name


def _camera_pattern(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if groups == 0:
        raise ValueError(
            "has no group: put the part that names the camera in parentheses, as in '-cam([0-9]+)' "
            "(and keep single quotes around the pattern)"
        )
    return pattern


def _two_axes(axes: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    letters = [letter for letter, _, _ in axes]
    if letters[0] == letters[1]:
        raise ValueError(f'gives "{letters[0]}" twice; the two axes should be different')
    for letter, start, end in axes:
        if start == end:
            raise ValueError(f'"{letter}" goes from "{start}" to itself; it should lead to another keypoint')
    return axes


def _pair(pair: tuple[str, str]) -> tuple[str, str]:
    if pair[0] == pair[1]:
        raise ValueError(f'ties "{pair[0]}" to itself; a constraint needs two keypoints')
    return pair


def _between_two(lengths: tuple[tuple[str, str, float], ...]) -> tuple[tuple[str, str, float], ...]:
    for start, end, _ in lengths:
        if start == end:
            raise ValueError(f'gives a length from "{start}" to itself; it needs two keypoints')
    return lengths


def _angle(words: tuple[str, ...]) -> tuple[str, ...]:
    form, joints = (words[0], words[1:]) if words and words[0] in ANGLE_FORMS else ("", words)
    if form == "chain" and len(joints) < 3:
        raise ValueError(f'"chain" needs at least three joints, here are {len(joints)}')
    if form == "chain" or len(joints) == 3:
        return words
    if form:
        raise ValueError(f'"{form}" needs three keypoints, here are {len(joints)}')
    raise ValueError(
        f"has {len(words)} names; an angle is [a, b, c] or starts with one of {', '.join(ANGLE_FORMS)}"
    )


def _offset(numbers: tuple[float, ...]) -> tuple[float, ...]:
    if len(numbers) not in (2, 4):
        raise ValueError(f"should have two numbers [x, y] or four [x, y, width, height], not {len(numbers)}")
    return numbers


def _hex_colour(colour: str) -> str:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", colour):
        raise ValueError(f'"{colour}" should be written as #rrggbb, such as "#ee6677"')
    return colour.lower()


def _hue(hue: tuple[float, float]) -> tuple[float, float]:
    if not all(0 <= bound <= 360 for bound in hue):
        raise ValueError("should be degrees of the colour wheel, from 0 to 360")
    return hue


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= bounds[0] < bounds[1]:
        raise ValueError("should be [smallest, largest]")
    return bounds


Switch = Annotated[bool, Strict()]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Length = Annotated[Number, Gt(0), Unit("`calibration.units`")]
Pixels = Annotated[Number, Ge(0), Unit("px")]
Score = Annotated[Number, Ge(0), Le(1)]
Weight = Annotated[Number, Ge(0)]
Frames = Annotated[Integer, Ge(0), Unit("frames")]
Window = Annotated[Frames, AfterValidator(_odd_window), Says("an odd whole number, or 0 for off")]

Name = Annotated[str, MinLen(1), Says("a name in quotes")]
Text = Annotated[str, BeforeValidator(_text_of_number, json_schema_input_type=str | int)]
# Backslashes are what Windows writes; everything we run on also takes the other slash.
Folder = Annotated[
    str, MinLen(1), AfterValidator(lambda path: path.replace("\\", "/")), Says("a path in quotes")
]
OptionalFolder = Annotated[Folder | None, BeforeValidator(_none_if_empty), Says("a path in quotes")]
Lowered = BeforeValidator(_lowered)
Device = Annotated[str, Lowered, AfterValidator(_device), Says(DEVICES)]
Pattern = Annotated[str, AfterValidator(_camera_pattern), Says("a regular expression with a group")]

OneOrMore = BeforeValidator(_listed, json_schema_input_type=str | list[str])
ModelType = Annotated[
    Literal["deeplabcut", "sleap", "lightning-pose", "markers", "mediapipe", "onnx", "command"], Lowered
]
BoardType = Annotated[Literal["aruco", "charuco", "checkerboard"], Lowered]
Distortion = Annotated[Literal["k1", "k1 k2", "k1 k2 p1 p2 k3"], Lowered]
IntrinsicsUse = Annotated[Literal["estimate", "refine", "fixed"], Lowered]
BoardFrames = Annotated[Literal["chosen", "all"], Lowered]
WorldFrame = Annotated[Literal["camera", "board"], Lowered]
MarkerBits = Literal[4, 5, 6, 7]
DictionarySize = Literal[50, 100, 250, 1000]
LossName = Annotated[Literal["soft_l1", "huber", "linear"], Lowered]
OptimMethod = Annotated[Literal["map", "anipose"], Lowered]
SmoothMethod = Annotated[Literal["savgol", "kalman"], Lowered]
SchedulerType = Annotated[Literal["slurm", "pbs", "lsf", "sge"], Lowered]
FilterName = Literal["medfilt", "viterbi", "autoencoder", "autoencoder_points"]
Filters = Annotated[
    tuple[FilterName, ...],
    MinLen(1),
    BeforeValidator(_lowered_list, json_schema_input_type=FilterName | list[FilterName]),
    AfterValidator(_different),
    Says('"medfilt", "viterbi", "autoencoder", "autoencoder_points", or a list of them'),
]
ExtractionReason = Literal["reprojection-error", "score", "filter-change", "random"]
ExtractionReasons = Annotated[
    tuple[ExtractionReason, ...],
    MinLen(1),
    BeforeValidator(_lowered_list, json_schema_input_type=ExtractionReason | list[ExtractionReason]),
    AfterValidator(_different),
    Says('"reprojection-error", "score", "filter-change", "random", or a list of them'),
]
Extensions = Annotated[
    tuple[Name, ...],
    MinLen(1),
    BeforeValidator(_bare_extensions, json_schema_input_type=str | list[str]),
    Says('the end of a file name, such as "mp4", or a list of them'),
]
BoardSize = Annotated[
    tuple[Annotated[Integer, Ge(1)], Annotated[Integer, Ge(1)]],
    Says("two whole numbers [columns, rows], each at least 1"),
]
Matrix3 = Annotated[
    tuple[tuple[Number, Number, Number], tuple[Number, Number, Number], tuple[Number, Number, Number]],
    Says("three rows of three numbers, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"),
]
Numbers = Annotated[tuple[Number, ...], Says("a list of numbers")]
Names = Annotated[tuple[Name, ...], Says("a list of names")]
Colour = Annotated[str, AfterValidator(_hex_colour), Says('colours such as "#ee6677"')]
Colours = Annotated[tuple[Colour, ...], OneOrMore, Says('a list of colours such as "#ee6677"')]
Size = Annotated[
    tuple[Annotated[Integer, Ge(64), Le(4096)], Annotated[Integer, Ge(64), Le(4096)]],
    Says("two whole numbers [width, height], from 64 to 4096"),
    Unit("px"),
]
PictureSize = Annotated[
    tuple[Annotated[Integer, Ge(1)], Annotated[Integer, Ge(1)]],
    Says("two whole numbers [width, height]"),
    Unit("px"),
]
Up = Annotated[Literal["auto", "x", "y", "z", "-x", "-y", "-z"], Lowered]
Encoder = Annotated[Literal["x264", "hardware"], Lowered]
Scheme = Annotated[tuple[tuple[Name, ...], ...], Says("a list of lists of keypoints")]
Pair = Annotated[tuple[Name, Name], AfterValidator(_pair)]
Pairs = Annotated[tuple[Pair, ...], Says("a list of pairs of keypoints")]
KnownLengths = Annotated[
    tuple[tuple[Name, Name, Annotated[Number, Gt(0)]], ...],
    AfterValidator(_between_two),
    Says("a list of lengths [keypoint, keypoint, length]"),
    Unit("unit of the calibration"),
]
Axis = tuple[Annotated[Literal["x", "y", "z"], Lowered], Name, Name]
Axes = Annotated[
    tuple[Axis, Axis],
    AfterValidator(_two_axes),
    Says('two axes [["x", from, to], ["y", from, to]], each with a letter x, y or z and two keypoints'),
]
Angle = Annotated[
    tuple[Name, ...],
    AfterValidator(_angle),
    Says("a list of names: [a, b, c], or a form (flex, axis, cross-axis, chain) and its keypoints"),
]
Offset = Annotated[
    tuple[Number, ...], AfterValidator(_offset), Says("[x, y] or [x, y, width, height]"), Unit("px")
]
Hue = Annotated[
    tuple[Number, Number], AfterValidator(_hue), Says("two numbers [from, to]"), Unit("degrees from 0 to 360")
]
Area = Annotated[
    tuple[Number, Number],
    AfterValidator(_rising),
    Says("two numbers [smallest, largest]"),
    Unit("square px"),
]


@dataclass(frozen=True)
class Kind:
    """What a value may be, in words."""

    words: str
    unit: str = ""


_Mark = TypeVar("_Mark")


def describe(annotation: Any, metadata: tuple[Any, ...] = ()) -> Kind:
    """What a value of this type may be: the words of the reference page and of "should be ..."."""
    if get_origin(annotation) is Annotated:
        return describe(annotation.__origin__, (*annotation.__metadata__, *metadata))
    if get_origin(annotation) in (Union, types.UnionType):
        (present,) = (item for item in get_args(annotation) if item is not type(None))
        return describe(present, metadata)
    if get_origin(annotation) is Mapping or get_origin(annotation) is dict:
        return describe(get_args(annotation)[1], metadata)
    unit = _mark(metadata, Unit)
    says = _mark(metadata, Says)
    return Kind(says.words if says else _words(annotation, metadata), unit.name if unit else "")


def _mark(metadata: tuple[Any, ...], mark: type[_Mark]) -> _Mark | None:
    return next((item for item in reversed(metadata) if isinstance(item, mark)), None)


def _words(annotation: Any, metadata: tuple[Any, ...]) -> str:
    if annotation is bool:
        return "true or false"
    if annotation is int:
        return "a whole number" + _range(metadata)
    if annotation is float:
        return "a number" + _range(metadata)
    if get_origin(annotation) is Literal:
        choices = [f'"{item}"' if isinstance(item, str) else str(item) for item in get_args(annotation)]
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    if annotation is str:
        return "text in quotes"
    return "a table"


def _range(metadata: tuple[Any, ...]) -> str:
    low, high, above = _mark(metadata, Ge), _mark(metadata, Le), _mark(metadata, Gt)
    if low and high:
        return f" from {low.ge} to {high.le}"
    if low:
        return f", at least {low.ge}"
    return f" above {above.gt}" if above else ""
