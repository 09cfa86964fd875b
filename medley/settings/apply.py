"""Settings of what a style network does to a photo, besides those that `stylize` has too."""

from pydantic import Field

from medley.settings.base import Settings, Side


class ApplySettings(Settings):
    """Which painting out of several, or all in turn, and at which size."""

    heading = "Look"

    style: str | None = Field(
        None,
        description="Painting out of those that the network knows, or a mix such as"
        " glass:0.6,gilded:0.4; the first unless given. walk makes a film that drifts through all"
        " of them, walk:glass,gilded one through those.",
    )
    size: Side | None = Field(
        None, description="Long side of the result in pixels; the photo's own unless given."
    )
    smooth: bool = Field(
        False,
        description="Against flicker in a clip: what was painted moves along with what moves in it;"
        " needs OpenCV, pip install 'medley[video]'.",
    )

    @property
    def is_walk(self) -> bool:
        """Whether a film is asked for, which drifts through paintings."""
        return (self.style or "").strip().casefold().partition(":")[0] == "walk"
