"""Settings of what a style network does to a photo, besides those that `stylize` has too."""

from pydantic import Field

from medley.settings.base import Settings, Side


class ApplySettings(Settings):
    """Which painting out of several, and at which size."""

    heading = "Look"

    style: str | None = Field(
        None,
        description="Painting out of those that the network knows, or a mix such as"
        " glass:0.6,gilded:0.4; the first unless given.",
    )
    size: Side | None = Field(
        None, description="Long side of the result in pixels; the photo's own unless given."
    )
