"""Style-medley films: neural style transfer with a compressed VGG-19, every iterate kept."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from medley.api import features, load_vgg, quantize, render, stylize
    from medley.transfer.optimize import Iterate

__all__ = ["Iterate", "__version__", "features", "load_vgg", "quantize", "render", "stylize"]


def __getattr__(name: str) -> Any:
    # torch takes a second to import: only what is used brings it.
    if name not in __all__:
        raise AttributeError(f"module 'medley' has no attribute '{name}'")
    from medley import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
