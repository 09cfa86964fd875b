"""torchvision's own training of VGG-19, fetched and made a float file of medley's."""

import tempfile
from pathlib import Path

import torch
from torchvision.models import VGG19_Weights

from medley.errors import WeightsError
from medley.files import file_sha256
from medley.vgg.normalization import TORCHVISION
from medley.vgg.states import import_state
from medley.vgg.weightfile import Origin

_LICENCE = "BSD 3-Clause, https://github.com/pytorch/vision/blob/main/LICENSE"


def fetch_torchvision(output: Path) -> None:
    """Download the weights and convert them.

    Raises:
        WeightsError: there is no network, or another file.
        OutputError: `output` cannot be written.
    """
    url = VGG19_Weights.IMAGENET1K_V1.url
    prefix = url.rpartition("-")[2].removesuffix(".pth")  # the file's name ends with its digest
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg19.pth"
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
        except (OSError, RuntimeError) as error:  # no network; another digest
            raise WeightsError(
                f"cannot fetch '{url}' ({error}); try again with a network"
            ) from error
        source = f"torchvision's VGG19_Weights.IMAGENET1K_V1, {url}"
        import_state(path, output, TORCHVISION, Origin(source, file_sha256(path), _LICENCE))
