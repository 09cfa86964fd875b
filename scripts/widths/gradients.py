"""What a network's errors do to the gradient of a shot's loss."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from medley.settings import ShotSettings
from medley.transfer.losses import Objective
from medley.vgg import calibrate, entropy
from medley.vgg.network import VGG19
from widths.runs import Pair, iterates_of, read_at

Tensors = Mapping[str, tuple[Tensor, Tensor]]


class Course:
    """The iterates of a shot that the float network leads, and the loss's gradients there."""

    def __init__(
        self,
        pair: Pair,
        originals: Tensors,
        settings: ShotSettings,
        side: int,
        iterates: Sequence[int],
    ) -> None:
        """Take the shot.

        Args:
            pair: photo and painting.
            originals: the float layers.
            settings: of the shot.
            side: root of the photo's area in pixels.
            iterates: numbers of those at which gradients are compared, the first as a measure.
        """
        self._settings = settings
        self._photo = read_at(pair.photo, side**2)
        self._style = read_at(pair.painting, self._photo[0, 0].numel())
        judge = self._objective(originals)
        self._images = [
            one.image
            for one in iterates_of(judge, self._photo, self._style, settings)
            if one.step in iterates
        ]
        self._gradients = [_gradient(judge, image) for image in self._images]

    def _objective(self, tensors: Tensors) -> Objective:
        network = VGG19(tensors, self._settings.layers)
        return Objective(network, self._photo, [self._style], self._settings)

    def errors(self, tensors: Tensors) -> list[float]:
        """Squared errors of another network's gradients, over the first gradient's square."""
        objective, power = self._objective(tensors), self._gradients[0].square().sum()
        return [
            float((_gradient(objective, image) - gradient).square().sum() / power)
            for image, gradient in zip(self._images, self._gradients, strict=True)
        ]


def _gradient(objective: Objective, image: Tensor) -> Tensor:
    _, gradient = objective.evaluate(image, True)
    assert gradient is not None  # it was asked for
    return gradient


def one_layer_coded(
    originals: Tensors, pictures: Sequence[Tensor], error: float
) -> Iterator[tuple[str, Tensors]]:
    """The float network with one layer after another in entropy codes.

    Args:
        originals: the float layers.
        pictures: see `entropy.compress`.
        error: of the layer's output by its power, as a logarithm to base 2.
    """
    coded: dict[str, tuple[Tensor, Tensor]] = {}

    def make(name: str, seen: calibrate.Statistics) -> entropy.Outlook:
        weight, bias = originals[name]
        frame = entropy.frame_of(weight.flatten(1), bias, seen)
        coded[name] = entropy.code_layer(frame, error).decoded()
        return entropy.Outlook(torch.empty(0), weight, bias)  # those behind it see float's

    calibrate.walk(originals, pictures, make, places=512)
    for name, tensors in coded.items():
        yield name, {**originals, name: tensors}
