"""What long computations on a network have done so far, kept in the cache part by part."""

import contextlib
import shutil
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

import medley
from medley import files
from medley.errors import OutputError

Arrays = dict[str, NDArray[Any]]

_SUFFIX = ".safetensors"


class Kept(MutableMapping[str, Arrays]):
    """A computation's finished parts by name, each a few arrays in a file of its own.

    Where the cache cannot be written, nothing is kept, and the computation does not suffer.
    """

    def __init__(self, *decides: str) -> None:
        """Find what is there; parts differ wherever one of the texts or medley's version does."""
        digest = files.sha256("\n".join((medley.__version__, *decides)).encode())
        self.folder = files.cache_folder() / "quantize" / digest[:24]

    def __getitem__(self, name: str) -> Arrays:
        """Read a part; one that is damaged counts as missing."""
        try:
            found: Arrays = load((self.folder / f"{name}{_SUFFIX}").read_bytes())
        except Exception as error:  # whatever the reader makes of it
            raise KeyError(name) from error
        return found

    def __setitem__(self, name: str, arrays: Arrays) -> None:
        """Write a part, all of it or nothing."""
        whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        with contextlib.suppress(OutputError):
            files.write_bytes(self.folder / f"{name}{_SUFFIX}", save(whole))

    def __delitem__(self, name: str) -> None:
        """Remove a part."""
        try:
            (self.folder / f"{name}{_SUFFIX}").unlink()
        except OSError as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        """Name the parts that are there."""
        return (path.stem for path in sorted(self.folder.glob(f"*{_SUFFIX}")))

    def __len__(self) -> int:
        """Count the parts that are there."""
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self.folder, ignore_errors=True)
