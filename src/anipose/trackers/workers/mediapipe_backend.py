"""MediaPipe's hands and body, with the models in its package, in its own environment; started by serve.py."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PACKAGE = "mediapipe"

Tell = Callable[[int], None]
Rows = dict[str, tuple[float, float, float]]

# The only size of model that is in the package for both.
MODEL_COMPLEXITY = 1


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that tracks a video; `settings` has `part`, "body" or "hands"."""
    import mediapipe

    if not hasattr(mediapipe, "solutions"):
        raise RuntimeError(
            f"mediapipe {mediapipe.__version__} has no models in it; install mediapipe==0.10.21"
        )
    find = {"body": _body, "hands": _hands}[settings["part"]]

    def track(video: str, folder: str) -> Path:
        path = Path(folder) / f"{Path(video).stem}.csv"
        # A tracker of its own for each video: it follows what it saw in the frame before.
        _write(path, *find(mediapipe.solutions, _frames(video, tell)))
        return path

    return track


def _frames(video: str, tell: Tell) -> Iterator[Any]:
    import cv2

    capture = cv2.VideoCapture(video)
    if not capture.isOpened():
        raise RuntimeError("OpenCV cannot open the video")
    number = 0
    while True:
        good, image = capture.read()
        if not good:
            break
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        number += 1
        if number % 20 == 0:
            tell(number)
    capture.release()


def _body(solutions: Any, frames: Iterator[Any]) -> tuple[list[str], list[Rows]]:
    names = [landmark.name.lower() for landmark in solutions.pose.PoseLandmark]
    rows = []
    with solutions.pose.Pose(model_complexity=MODEL_COMPLEXITY) as tracker:
        for image in frames:
            found = tracker.process(image).pose_landmarks
            marks = found.landmark if found else []
            rows.append({name: _place(m, image, m.visibility) for name, m in zip(names, marks)})  # noqa: B905
    return names, rows


def _hands(solutions: Any, frames: Iterator[Any]) -> tuple[list[str], list[Rows]]:
    """Left and right as the person has them; a landmark has the score of its hand."""
    marks = [landmark.name.lower() for landmark in solutions.hands.HandLandmark]
    rows = []
    with solutions.hands.Hands(max_num_hands=2, model_complexity=MODEL_COMPLEXITY) as tracker:
        for image in frames:
            result = tracker.process(image)
            row: Rows = {}
            scores: dict[str, float] = {}
            hands = zip(result.multi_hand_landmarks or [], result.multi_handedness or [])  # noqa: B905
            for landmarks, handedness in hands:
                kind = handedness.classification[0]
                # MediaPipe takes pictures for mirrored, as those of a camera that one looks into.
                side = {"Left": "right", "Right": "left"}[kind.label]
                if kind.score > scores.get(side, 0.0):
                    scores[side] = kind.score
                    places = [_place(landmark, image, kind.score) for landmark in landmarks.landmark]
                    row.update({f"{side}_{name}": p for name, p in zip(marks, places)})  # noqa: B905
            rows.append(row)
    return [f"{side}_{name}" for side in ("left", "right") for name in marks], rows


def _place(landmark: Any, image: Any, score: float) -> tuple[float, float, float]:
    """In pixels from the centre of the first; MediaPipe counts from its corner, in sizes of the image."""
    height, width = image.shape[:2]
    return landmark.x * width - 0.5, landmark.y * height - 0.5, score


def _write(path: Path, names: list[str], rows: list[Rows]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["scorer"] + ["mediapipe"] * (3 * len(names)))
        writer.writerow(["bodyparts"] + [name for name in names for _ in range(3)])
        writer.writerow(["coords"] + ["x", "y", "likelihood"] * len(names))
        for number, row in enumerate(rows):
            cells = [row.get(name, ("", "", "")) for name in names]
            writer.writerow([number] + [value for cell in cells for value in cell])
