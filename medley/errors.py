"""The errors that a user can mend: each message says what is wrong, the value, and the way out."""


class MedleyError(Exception):
    """Something that the user can mend; the CLI prints it as one line and exits with 1."""


class PictureError(MedleyError):
    """A picture cannot be read, or cannot be used as it is."""


class WeightsError(MedleyError):
    """Network weights are missing, torn, tampered with, or of another network."""


class FilmError(MedleyError):
    """A film cannot be composed, encoded, or does not read back as it was written."""


class OutputError(MedleyError):
    """A file or folder cannot be written where it was asked for."""


class CheckpointError(MedleyError):
    """An unfinished shot cannot be gone on with, and starts over."""


class RoomError(MedleyError):
    """A device's memory, or a disk, is too small for what was asked."""


class DivergedError(MedleyError):
    """An optimization's loss is no longer a finite number."""


class LostError(MedleyError):
    """The process that was at a shot ended before the shot did."""
