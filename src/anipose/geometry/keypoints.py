"""Checking that named keypoints exist."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from anipose.errors import PoseError


def require_keypoints(wanted: Mapping[str, Iterable[str]], known: Collection[str]) -> None:
    """Raise a `PoseError` that lists every keypoint that is wanted somewhere but not known.

    Args:
        wanted: where in the config -> names of keypoints there.
        known: names of the tracked keypoints.
    """
    faults = []
    for place, names in wanted.items():
        for name in dict.fromkeys(names):
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                faults.append(f'{place}: there is no keypoint "{name}"{hint}')
    if faults:
        raise PoseError("\n".join([*faults, f"The tracked keypoints are {', '.join(known)}."]))
