"""A shot that a style network takes in place of the optimizer."""

from collections.abc import Sequence

import numpy as np

from medley.images import Pixels
from medley.studio.shooting.spec import ShotSpec
from medley.stylenet.apply import Painter
from medley.stylenet.finish import finish
from medley.stylenet.netfile import NetFile
from medley.stylenet.network import make_network


def repaint_shot(net: NetFile, shares: Sequence[float], spec: ShotSpec) -> Pixels:
    """What a network makes of a shot's photo on the CPU, in place of the optimizer.

    The photo's colours, and what of it is kept, stay; weights, layers and steps have no say.

    Args:
        net: the network.
        shares: share of each of its paintings.
        spec: the shot.
    """
    photo = spec.content.pixels()
    made = Painter(make_network(net), shares).repaint(photo)
    picture = finish(made, photo, spec.settings.preserve_color)
    if spec.kept is None:
        return picture
    hold = spec.settings.keep_strength * spec.kept.values[0][..., None]
    return np.rint(picture + (photo.astype(np.float32) - picture) * hold).astype(np.uint8)
