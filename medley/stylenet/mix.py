"""Words for the paintings of a network: "NAME" and "A:0.6,B:0.4" to the share of each, "walk:A,B"
to an order of them."""

import difflib
import math
from collections.abc import Sequence

from medley.errors import ConfigError, Setting
from medley.paintings.draws import fold
from medley.stylenet.netfile import StyleName


def shares_of(wish: str | None, styles: Sequence[StyleName]) -> list[float]:
    """Read a wish for one painting or a mix of them.

    A painting is called by its name or its title; case and accents do not count, and of one with
    a comma the whole is looked for first.

    Args:
        wish: the words; without any the first painting is meant.
        styles: the paintings that the network knows.

    Returns:
        Share of each painting, of sum 1.

    Raises:
        ConfigError: a name is not known, a share is none, or some have a share and others not.
    """
    known = places_of(styles)
    bare: list[str] = []
    shares = [0.0] * len(styles)
    if wish is None or fold(wish) in known:
        shares[0 if wish is None else known[fold(wish)]] = 1.0
        return shares
    for part in wish.split(","):
        name, mark, share = part.rpartition(":")
        if not mark or fold(part) in known:
            name, share = part, "1"
            bare.append(name.strip())
        shares[_place(name, wish, styles)] += _number(share, wish)
    if 0 < len(bare) < wish.count(",") + 1:
        raise ConfigError(
            (Setting("style", wish), f": '{bare[0]}' has no share; give each one, or none of them")
        )
    total = sum(shares)
    if total <= 0:
        raise ConfigError((Setting("style", wish), " leaves no share to any painting; raise one"))
    return [share / total for share in shares]


def stations_of(wish: str, styles: Sequence[StyleName]) -> list[int]:
    """Read a wish for a walk, "walk" or "walk:A,B", as the places of the paintings that it passes.

    Args:
        wish: the words; paintings are called as in a mix, and may be passed several times.
        styles: the paintings that the network knows, which a walk passes in their order.

    Raises:
        ConfigError: a name is not known, or there are fewer than two paintings.
    """
    _, mark, names = wish.partition(":")
    places = list(range(len(styles)))
    if mark:
        places = [_place(name, wish, styles) for name in names.split(",")]
    if len(styles) < 2:
        raise ConfigError(
            (Setting("style", wish), " goes through 2 paintings or more, and the network knows"
             f" '{styles[0].handle}' alone; take one that was trained for several")
        )  # fmt: skip
    if len(set(places)) < 2:
        own, other = places[0], int(places[0] == 0)
        pair = f"walk:{styles[own].handle},{styles[other].handle}"
        raise ConfigError(
            (Setting("style", wish), " goes through 2 paintings or more; add one to the one, as in"
             f" {pair}")
        )  # fmt: skip
    return places


def places_of(styles: Sequence[StyleName]) -> dict[str, int]:
    """Where each painting stands, by its folded title and name; names win over titles."""
    titles, handles = (
        {fold(name): place for place, name in enumerate(names)}
        for names in zip(*(style.names for style in styles), strict=True)
    )
    return titles | handles


def place_of(styles: Sequence[StyleName], name: str, title: str) -> int | None:
    """Where a painting stands that has both a name and a title; None if it is not known."""
    known = places_of(styles)
    return known.get(fold(name), known.get(fold(title)))


def _place(name: str, wish: str, styles: Sequence[StyleName]) -> int:
    known = places_of(styles)
    if fold(name) in known:
        return known[fold(name)]
    listed = ", ".join(f"'{style.handle}'" for style in styles)
    if not name.strip():
        raise ConfigError(
            (Setting("style", f"'{wish}'"), f" lacks a painting's name; the network has {listed}")
        )
    close = difflib.get_close_matches(fold(name), known, n=1)
    guess = f"did you mean '{styles[known[close[0]]].handle}'? " if close else ""
    raise ConfigError(
        (Setting("style", wish), f": the network knows no '{name.strip()}'; {guess}it has {listed}")
    )


def _number(text: str, wish: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share < math.inf:
        raise ConfigError(
            (Setting("style", wish), f": '{text.strip()}' is no share; write it as in A:0.6,B:0.4")
        )
    return share
