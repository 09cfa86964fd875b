"""Style-medley films: neural style transfer with a compressed VGG-19, every iterate kept."""

__version__ = "0.1.0"
