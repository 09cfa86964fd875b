"""Making of the specs of a film's shots from pictures and settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medley.errors import ConfigError, PictureError, Setting
from medley.files import file_sha256
from medley.paintings.draws import Painting
from medley.pictures import Picture
from medley.settings import NetStart, ShotSettings, meant_start
from medley.shipped_nets import net_name_of
from medley.studio.picture_cache import PictureCache
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.kept import check_room
from medley.studio.shooting.spec import ShotSpec, Start
from medley.stylenet import netfile
from medley.stylenet.mix import place_of
from medley.vgg.layers import Precision
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class ShotMaker:
    """Makes the specs of shots that have settings, weights and precision in common.

    Attributes:
        settings: settings of every shot.
        weights: digest of the network's weights.
        precision: precision that the network computes in.
        seed: seed of the noise that a shot may start from.
        warn: takes a line about each thing that the user should know.
        pictures: cache that reads a starting picture; by default an empty one.
        workspace: workspace that keeps the shots; only one that starts from another needs it.
    """

    settings: ShotSettings
    weights: str
    precision: Precision
    seed: int
    warn: Callable[[str], None]
    pictures: PictureCache = field(default_factory=PictureCache)
    workspace: Workspace = field(default_factory=lambda: Workspace(Path()))

    def make(
        self,
        content: Picture,
        paintings: Sequence[Painting[Picture]],
        after: ShotSpec | None = None,
        blend: Blend | None = None,
    ) -> ShotSpec:
        """Make the spec of a shot.

        Args:
            content: photo at its size.
            paintings: paintings whose styles are mixed.
            after: shot whose result it starts from; None to start as the settings' `init` says.
            blend: weights and masks of the paintings; None for equal weights.

        Raises:
            PictureError: the starting picture cannot be read, or is too narrow; or what is kept
                cannot be read, or leaves nothing.
        """
        settings, blend = self.settings, blend or Blend()
        kept = None
        if settings.keep and settings.keep_strength:
            kept = self.pictures.kept(settings.keep, content.height, content.width, self.warn)
            files = [painting.path for painting in paintings]
            check_room(kept, settings.keep_strength, blend, files)
        elif settings.keep:  # nothing is kept at strength 0: the same shot as without
            settings = settings.model_copy(update={"keep": None, "keep_strength": 1.0})
        return ShotSpec(
            content=content,
            paintings=tuple(paintings),
            start=self._start(content, paintings, after),
            settings=settings,
            weights=self.weights,
            precision=self.precision,
            blend=blend,
            kept=kept,
        )

    def _start(
        self, content: Picture, paintings: Sequence[Painting[Picture]], after: ShotSpec | None
    ) -> Start:
        if after:
            return Start(f"shot:{after.key}", after=self.workspace.shot(after.key))
        init = self.settings.init
        if isinstance(init, NetStart):
            return _net_start(init.path, paintings)
        if isinstance(init, Path):
            if meant := meant_start(init):
                raise PictureError(
                    f"there is no picture '{init}'; did you mean ", Setting("init", meant), "?"
                )
            shortest = self.settings.shortest_side
            picture = self.pictures.at(init, content.height, content.width, shortest)
            return Start(picture.digest, picture=picture)
        if init == "noise":
            return Start(f"noise:{self.seed}", seed=self.seed)
        return Start(init)


def _net_start(path: Path, paintings: Sequence[Painting[Picture]]) -> Start:
    """What a style network makes of the content, after the shot's paintings if it knows several."""
    net = netfile.read(path)
    if len(net.styles) == 1:
        shares = [1.0]
    else:
        shares = [0.0] * len(net.styles)
        for work in paintings:
            place = place_of(net.styles, work.path.stem, work.title)
            if place is None:
                listed = ", ".join(f"'{style.handle}'" for style in net.styles)
                wish = Setting("init", f"net:{net_name_of(path)}")
                raise ConfigError((wish, f" knows no '{work.title}'; it has {listed}"))
            shares[place] += 1 / len(paintings)
    shown = ",".join(f"{share:g}" for share in shares)
    return Start(f"net:{file_sha256(path)}:{shown}", net=net, shares=tuple(shares))
