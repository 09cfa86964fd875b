"""The file of an exported style network: an ONNX graph that carries what a network's file says.

Its `metadata_props` are the metadata of `netfile`: format, version, shape, bits, styles, training,
and `sha256`, the digest of the whole file with these 64 digits themselves taken as zeros. That is
looked for among the bytes, so that no graph that is torn, changed or another's is parsed or run.
"""

import re
from pathlib import Path

from medley import files
from medley.errors import WeightsError
from medley.shipped_nets import check_net_there
from medley.stylenet.netfile import ZEROS
from medley.vgg import otherfiles

_DIGEST = re.compile(rb"(?<=\n\x06sha256\x12@)[0-9a-f]{64}")  # as protobuf has a text and its name
_EXPORT = "'medley export' writes graphs that can be applied, of style networks"


def is_graph(path: Path) -> bool:
    """Whether an ONNX graph lies there, whatever its name.

    Raises:
        WeightsError: there is no file, or it cannot be read.
    """
    check_net_there(path)
    return otherfiles.kind_of(path) == "ONNX"


def seal(data: bytes) -> bytes:
    """Put the digest of a graph's bytes in the place of its zeros."""
    return _DIGEST.sub(files.sha256(data).encode(), data, count=1)


def read(path: Path) -> bytes:
    """Read a graph that `medley export` wrote.

    Raises:
        WeightsError: it cannot be read, is torn, was changed, or was written by something else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read ({error.strerror or error})") from error
    found = _DIGEST.search(data)
    if found is None:
        raise WeightsError(f"'{path}' is torn, or a graph of something else; {_EXPORT}")
    whole = _DIGEST.sub(ZEROS.encode(), data, count=1)
    if files.sha256(whole) != found[0].decode():
        raise WeightsError(
            f"'{path}' was changed after it was written (its digest does not match); export it"
            " again"
        )
    return data
