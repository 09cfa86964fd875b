"""Words for the paintings of a network, "NAME" or "A:0.6,B:0.4", to the share of each."""

import difflib
import math
from collections.abc import Sequence

from medley.errors import ConfigError, Setting
from medley.paintings.draws import fold
from medley.stylenet.netfile import StyleName


def shares_of(wish: str | None, styles: Sequence[StyleName]) -> list[float]:
    """Read a wish for one painting or a mix of them.

    Case and accents do not count, and of a title with a comma the whole is looked for first.

    Args:
        wish: the words; without any the first painting is meant.
        styles: the paintings that the network knows.

    Returns:
        Share of each painting, of sum 1.

    Raises:
        ConfigError: a name is not known, or a share is none.
    """
    titles = [fold(style.title) for style in styles]
    shares = [0.0] * len(styles)
    if wish is None or fold(wish) in titles:
        shares[0 if wish is None else titles.index(fold(wish))] = 1.0
        return shares
    for part in wish.split(","):
        name, mark, share = part.rpartition(":")
        if not mark or fold(part) in titles:
            name, share = part, "1"
        shares[_place(name, wish, styles)] += _number(share, wish)
    total = sum(shares)
    if total <= 0:
        raise ConfigError((Setting("style", wish), " leaves no share to any painting; raise one"))
    return [share / total for share in shares]


def _place(name: str, wish: str, styles: Sequence[StyleName]) -> int:
    titles = [fold(style.title) for style in styles]
    if fold(name) in titles:
        return titles.index(fold(name))
    if fold(name) == "walk":
        raise ConfigError((Setting("style", wish), " is for films; name a painting, or a mix"))
    close = difflib.get_close_matches(fold(name), titles, n=1)
    guess = f"did you mean '{styles[titles.index(close[0])].title}'? " if close else ""
    known = ", ".join(f"'{style.title}'" for style in styles)
    raise ConfigError(
        (Setting("style", wish), f": the network knows no '{name.strip()}'; {guess}it has {known}")
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
