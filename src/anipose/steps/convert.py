"""Converting videos: those of the camera into smaller ones, and those into what browsers play."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project


@dataclass(frozen=True, kw_only=True)
class ConvertOriginal(Job):
    """Compress a video as it was recorded, so that it looks the same, into one to be tracked."""

    command: ClassVar[str] = "convert-videos"
    works_on: ClassVar[str] = "videos to convert"

    original: Input[Path]
    video: Output[Path]
    conversion: config.Conversion

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for stem, original in session.originals.items():
                made_here = session.path("videos_raw") / f"{stem}.mp4"
                if session.videos.get(stem) == made_here:
                    yield cls(
                        original=original,
                        video=made_here,
                        conversion=session.config.conversion.only("quality", "encoder"),
                    )

    def run(self) -> None:
        from anipose.io.conversion import convert_video
        from anipose.io.encoders import HARDWARE

        table = self.conversion
        encoders = HARDWARE if table.encoder == "hardware" else ()
        convert_video(self.original, self.video, quality=table.quality, encoders=encoders)


@dataclass(frozen=True, kw_only=True)
class ConvertForBrowsers(Job):
    """Make a video that browsers play; what they play already is copied as it is."""

    command: ClassVar[str] = "convert-videos"
    works_on: ClassVar[str] = "videos to convert"

    video: Input[Path]
    converted: Output[Path]
    conversion: config.Conversion
    converted_video_speed: float

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for view in session.views:
                if view.video is not None:
                    yield cls(
                        video=view.video,
                        converted=view.for_browsers,
                        conversion=session.config.conversion.only("quality", "encoder"),
                        converted_video_speed=session.config.converted_video_speed,
                    )

    def run(self) -> None:
        from anipose.io.conversion import convert_video, copy_pictures, is_playable
        from anipose.io.encoders import HARDWARE

        speed, table = self.converted_video_speed, self.conversion
        if speed == 1 and is_playable(self.video):
            copy_pictures(self.video, self.converted)
            return
        encoders = HARDWARE if table.encoder == "hardware" else ()
        convert_video(self.video, self.converted, quality=table.quality, speed=speed, encoders=encoders)
