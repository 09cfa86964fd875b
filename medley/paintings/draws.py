"""Choice of paintings from catalogs by filters, drawing by a seed, and decoding of each."""

import difflib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from PIL import Image

from medley.errors import Part, PictureError, Setting
from medley.files import sha256
from medley.images import read_picture
from medley.paintings.catalogs import SPLITS, Catalog, Entry, named, read_catalog
from medley.settings import CatalogSettings, format_years
from medley.shipped import may_exist, shipped_folder

_NEAR_BITS = 6  # most differing bits, out of 64, of near duplicates; others differ in about 32
_NEAR_TONES = 12.0  # most difference of tones, out of 255, of near duplicates, on average
_AT_ONCE = 64  # files that are checked between two reports of progress

Kept = TypeVar("Kept")
"""Type of what is kept of a decoded picture: its pixels at some size, or their size and digest."""

Fit = Callable[[Image.Image, Path], Kept]
"""Function of a decoded picture and its file that returns what is kept; raises PictureError if the
picture cannot be used."""

Look = Callable[[Entry], tuple[Kept, "Fingerprint"]]
"""Function of an entry that returns what is kept of its picture, and its fingerprint; raises
PictureError if the picture cannot be used."""


@dataclass(frozen=True)
class Painting(Generic[Kept]):
    """A style image that has been decoded completely and fitted to the size that is needed.

    Attributes:
        path: file of the painting, or a name for errors if it has none.
        picture: pixels at some size, or their size and digest.
        entry: facts from a catalog, if there are any.
    """

    path: Path
    picture: Kept
    entry: Entry | None = None

    @property
    def title(self) -> str:
        """The catalog's title, or the file's name without dashes and ending."""
        return title_of(self.entry or Entry(str(self.path), self.path.name))

    @property
    def byline(self) -> str:
        """Artist and year, as far as they are known."""
        return byline_of(self.entry) if self.entry else ""

    @property
    def is_known(self) -> bool:
        """Whether a catalog gives its title."""
        return bool(self.entry and self.entry.title)


@dataclass(frozen=True)
class Draw(Generic[Kept]):
    """Paintings that were drawn, reasons why others were skipped, and the catalog."""

    paintings: list[Painting[Kept]]
    skipped: list[str]
    catalog: Catalog | None = None


def title_of(entry: Entry) -> str:
    """The catalog's title, or the file's name without dashes and ending."""
    if entry.title:
        return " ".join(entry.title.split())
    # A name that is not UTF-8 reaches Python as lone surrogates, which nothing could print.
    stem = os.fsencode(Path(entry.name).stem).decode("utf-8", "replace")
    return " ".join(stem.replace("_", " ").replace("-", " ").split())


def byline_of(entry: Entry) -> str:
    """Artist and year, as far as they are known: "Hilma af Klint, 1907"."""
    date = entry.date.removesuffix(".0")
    return ", ".join(part for part in (entry.artist, date) if part)


def shipped() -> list[Path]:
    """The files of the paintings that come with medley.

    Raises:
        PictureError: the paintings are not installed.
    """
    return find_files([shipped_folder()])


def find_files(places: Sequence[Path]) -> list[Path]:
    """List the files in folders (recursively) and single files, each once.

    Raises:
        PictureError: a place does not exist or cannot be listed, or a table cannot be used.
    """
    return [entry.path for entry in read_catalog(places).entries]


def find_photos(places: Sequence[Path]) -> list[Path]:
    """List the files in folders (recursively) and single files that are to be no paintings.

    Raises:
        PictureError: as `find_files`, or there are none; of a place that does not exist no
            painting's name is guessed.
    """
    for place in places:
        if not may_exist(place):
            raise PictureError(f"there is no picture or folder '{place}'; check its name")
    catalog = read_catalog(places)
    if not catalog.entries:
        way = "; ".join(["name another folder", *_passed_over(catalog.reasons())])
        raise PictureError(f"there is no picture in {_quoted(places)}; {way}")
    return [entry.path for entry in catalog.entries]


def _quoted(places: Sequence[Path]) -> str:
    return ", ".join(f"'{place}'" for place in places)


def choose(catalog: Catalog, settings: CatalogSettings) -> list[Entry]:
    """Filter the entries, and sort them in the order in which they are drawn.

    Without `sample` that is the catalog's own order. With `sample`, it is the order of a hash of
    seed and file name, so that the same seed draws the same paintings on every machine and one bad
    file does not change the rest of the draw. With `spread`, the first of every group in that order
    come first, then the second of every group, and so on.

    Raises:
        PictureError: no entry passes a filter.
    """
    entries = _filter(catalog.entries, settings)
    if settings.sample is None:
        return entries
    entries = sorted(entries, key=lambda entry: _lot(settings.seed, entry.name))
    if settings.spread == "none":
        return entries
    drawn: Counter[str] = Counter()
    ranks = []
    for entry in entries:
        group = fold(getattr(entry, settings.spread))
        ranks.append(drawn[group])
        drawn[group] += 1
    order = sorted(range(len(entries)), key=ranks.__getitem__)
    return [entries[number] for number in order]


def _lot(seed: int, name: str) -> str:
    """The sort key of a name in a draw, the same for all folders and spellings of accents."""
    name = name if name.isascii() else unicodedata.normalize("NFC", name)
    return sha256(f"{seed}:{name}".encode(errors="surrogateescape"))


def _filter(entries: list[Entry], settings: CatalogSettings) -> list[Entry]:
    if settings.split != "all":
        kept = [entry for entry in entries if entry.split in ("", settings.split)]
        if entries and not kept:
            other = next(split for split in SPLITS if split != settings.split)
            raise PictureError(
                f"all {len(entries):,} paintings are in the split '{other}', none in"
                f" '{settings.split}'; pass ",
                Setting("split", other), " or ", Setting("split", "all"),
            )  # fmt: skip
        entries = kept
    filters: tuple[tuple[str, str | None, Callable[[Entry], str]], ...] = (
        ("artist", settings.artist, lambda entry: entry.artist),
        ("genre", settings.genre, lambda entry: entry.genre),
        ("style_name", settings.style_name, lambda entry: entry.style),
    )
    for name, wanted, value in filters:
        if wanted is None or not entries:
            continue
        key = fold(wanted)
        kept = [entry for entry in entries if fold(value(entry)) == key]
        if not kept:
            raise PictureError(
                *_no_match(Setting(name, f"'{wanted}'"), Counter(map(value, entries)), wanted)
            )
        entries = kept
    return _filter_years(entries, settings)


def _filter_years(entries: list[Entry], settings: CatalogSettings) -> list[Entry]:
    if settings.years is None or not entries:
        return entries
    first, last = settings.years
    years = [entry.year for entry in entries]
    kept = [
        entry
        for entry, year in zip(entries, years, strict=True)
        if year is not None and first <= year <= last
    ]
    known = [year for year in years if year is not None]
    if not kept:
        there = f"the dates go from {min(known)} to {max(known)}" if known else "no date is known"
        wanted = Setting("years", format_years(settings.years))
        raise PictureError(wanted, f" leaves no painting; {there}")
    return kept


def _no_match(setting: Setting, counts: Counter[str], wanted: str) -> tuple[Part, ...]:
    """Word the error that no entry has a value, with similar values and those that there are."""
    del counts[""]
    if not counts:
        return setting, " leaves no painting; none there has one in a catalog"
    folded = {fold(value): value for value in counts}
    close = [key for key in folded if fold(wanted) in key] or difflib.get_close_matches(
        fold(wanted), folded, n=3
    )
    close.sort(key=lambda key: -counts[folded[key]])
    guess = f"did you mean '{folded[close[0]]}'? " if close else ""
    there = named([f"'{value}' ({count:,})" for value, count in counts.most_common()])
    return setting, f" leaves no painting; {guess}there are {there}"


def fold(text: str) -> str:
    """Normalize a text for filters: case, accents and double spaces do not count."""
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(text.casefold().split())


def decode_in_turn(
    entries: Sequence[Entry], distinct: bool, skipped: list[str], look: Look[Kept]
) -> Iterator[Painting[Kept]]:
    """Decode entries one after another, each only when the iterator is advanced to it.

    Args:
        entries: entries in the order of the draw.
        distinct: True to skip a picture that is a near duplicate of an earlier one.
        skipped: list that takes a line for each entry that is skipped.
        look: function that decodes an entry and returns what is kept, so that no more than one
            picture is in memory at its full size.
    """
    seen: list[tuple[Fingerprint, Path]] = []
    for entry in entries:
        try:
            fitted, mark = look(entry)
        except PictureError as error:
            skipped.append(str(error))
            continue
        if distinct:
            twin = next((path for other, path in seen if is_near(mark, other)), None)
            if twin is not None:
                skipped.append(f"'{entry.path}' is nearly the same picture as '{twin}'")
                continue
            seen.append((mark, entry.path))
        yield Painting(entry.path, fitted, entry)


def looking(fit: Fit[Kept]) -> Look[Kept]:
    """Make a function that decodes an entry's file, fits it, and takes its fingerprint."""

    def look(entry: Entry) -> tuple[Kept, Fingerprint]:
        picture = read_picture(entry.path)
        return fit(picture, entry.path), fingerprint(picture)

    return look


def find_bad(entries: Sequence[Entry], on_progress: Callable[[int], None]) -> list[str]:
    """Decode every entry, on all processors, and list the errors.

    Args:
        entries: entries to be checked.
        on_progress: called now and then with the number of entries checked.

    Returns:
        A line for each bad entry.
    """

    def complaint(entry: Entry) -> str | None:
        try:
            read_picture(entry.path)
        except PictureError as error:
            return str(error)
        return None

    bad: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(entries), _AT_ONCE):
            part = entries[start : start + _AT_ONCE]
            bad += [found for found in pool.map(complaint, part) if found]
            on_progress(start + len(part))
    return bad


def draw(places: Sequence[Path], settings: CatalogSettings, fit: Fit[Kept]) -> Draw[Kept]:
    """Choose paintings and decode them; those that are bad or do not fit are replaced by others.

    With `sample`, near duplicates of paintings of the same draw are skipped too.

    Raises:
        PictureError: a place does not exist, a table cannot be used, filters let nothing through,
            or there are too few good pictures.
    """
    return draw_from(read_catalog(places), places, settings, looking(fit))


def check_entries(catalog: Catalog, places: Sequence[Path]) -> str:
    """Name a catalog's places for errors.

    Raises:
        PictureError: the catalog is empty.
    """
    names = _quoted(places)
    if not catalog.entries:
        way = "; ".join(
            ["put pictures there or name other places", *_passed_over(catalog.reasons())]
        )
        raise PictureError(f"no paintings in {names}; {way}")
    return names


def _passed_over(reasons: Sequence[str]) -> list[str]:
    return [f"passed over: {named(reasons, '; ')}"] if reasons else []


def draw_from(
    catalog: Catalog, places: Sequence[Path], settings: CatalogSettings, look: Look[Kept]
) -> Draw[Kept]:
    """Draw paintings from a catalog that has been read; see `draw`.

    Raises:
        PictureError: filters let nothing through, or there are too few good pictures.
    """
    names = check_entries(catalog, places)
    entries = choose(catalog, settings)
    wanted = settings.sample or len(entries)
    skipped: list[str] = []
    paintings: list[Painting[Kept]] = []
    for painting in decode_in_turn(entries, settings.sample is not None, skipped, look):
        paintings.append(painting)
        if len(paintings) == wanted:
            break
    skipped += catalog.reasons()
    if not paintings:
        if len(entries) == 1:
            raise PictureError(skipped[0])
        raise PictureError(f"none of the {len(entries)} files in {names} is usable: {skipped[0]}")
    if settings.sample and len(paintings) < wanted:
        count = "1 good painting" if len(paintings) == 1 else f"{len(paintings)} good paintings"
        way = "; ".join(["lower it or widen the filters", *_passed_over(skipped)])
        raise PictureError(
            Setting("sample", wanted), f" asks for more than the {count} in {names}; {way}"
        )
    return Draw(paintings, skipped, catalog)


@dataclass(frozen=True)
class Fingerprint:
    """Features that near duplicates share: where brightness falls, and the tones of 4x4 areas."""

    bits: int
    tones: bytes


def fingerprint(picture: Image.Image) -> Fingerprint:
    """Compute the fingerprint of an RGB picture: 64 bits and 48 bytes.

    Source: difference hash, N. Krawetz (2013), "Kind of Like That". Departure: a difference of one
    level counts as none, so that flat areas do not hash to noise.
    """
    small = picture.convert("L").resize((9, 8), Image.Resampling.BOX)
    levels = np.asarray(small, np.int16)
    falls = levels[:, :-1] > levels[:, 1:] + 1
    bits = int.from_bytes(np.packbits(falls).tobytes())
    return Fingerprint(bits, picture.resize((4, 4), Image.Resampling.BOX).tobytes())


def is_near(first: Fingerprint, second: Fingerprint) -> bool:
    """Whether two pictures look like the same one, scaled or saved again."""
    if (first.bits ^ second.bits).bit_count() > _NEAR_BITS:
        return False
    tones = (np.frombuffer(mark.tones, np.uint8).astype(float) for mark in (first, second))
    return float(np.abs(np.subtract(*tones)).mean()) <= _NEAR_TONES
