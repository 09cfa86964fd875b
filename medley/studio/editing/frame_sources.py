"""Search for pictures to make a film of: finished shots, or numbered pictures; no torch."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from medley.decoders import size_in
from medley.errors import FilmError, OutputError, PictureError, Setting
from medley.moments import stem_of
from medley.paintings.catalogs import Entry, read_catalog
from medley.paintings.draws import byline_of, title_of
from medley.settings import WalkOrder
from medley.settings.load import sidecar_of
from medley.studio.again import plan_again
from medley.studio.editing.recipe import way_without_sidecar
from medley.studio.film_shots import lap_taken
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

_SUFFIX = r"\.(png|jpe?g|webp|bmp|tiff?)"
_NUMBERED = re.compile(rf"(.*?)(\d+){_SUFFIX}", re.IGNORECASE)
_PICTURE = re.compile(rf"[^.].*\d.*{_SUFFIX}", re.IGNORECASE)
_DATES = 10_000_000  # and above are dates or times, such as 20231231235959, which nobody counts to
_SHORTEST_KEY = 4  # fewest letters of a key that may name a shot
_NAMED = 3  # most missing numbers or prefixes that a message lists

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Passing:
    """Where a walk passes a painting, and what its film is cut from.

    Attributes:
        photo: file of the photo at the walk's size: step 0 of the shot that it sets out from.
        frame: number of the frame that shows the painting.
        frames: number of frames of the film.
        lead: number of frames from one painting to the next.
        every: steps from one frame to the next.
        seconds: time from one painting to the next, as the film was asked for; None if only the
            shots are known.
    """

    photo: Path
    frame: int
    frames: int
    lead: int
    every: int
    seconds: float | None = None


@dataclass(frozen=True)
class FrameSource:
    """Pictures that become a segment of a film, with painting, shot and facts if known.

    Attributes:
        folder: folder of the shot or of the pictures.
        pictures: files by step, ascending; the first is step 0.
        entry: the painting, as far as it is known.
        shot: the finished shot, if the pictures are one's; its trace has the changes.
        content: name of the photo, if it is known.
        facts: losses, steps and seconds of a finished shot.
        passing: where the walk that the shot is passes the painting; None of any other shot.
    """

    folder: Path
    pictures: Mapping[int, Path]
    entry: Entry
    shot: Shot | None = None
    content: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    passing: Passing | None = None

    @property
    def path(self) -> Path:
        """The painting's file, or the folder if the painting is unknown."""
        return self.entry.path

    @property
    def title(self) -> str:
        """The painting's title, or a name that says what it is."""
        return title_of(self.entry)

    @property
    def byline(self) -> str:
        """Artist and year, as far as they are known."""
        return byline_of(self.entry)

    @property
    def is_known(self) -> bool:
        """Whether a catalog gave its title."""
        return bool(self.entry.title)


def find_sources(
    names: Sequence[str], workspace: Workspace, prefix: str | None, warn: Warn
) -> list[FrameSource]:
    """Find the pictures that are named, in the names' order.

    Args:
        names: names, each of a film or its sidecar, of a workspace, of a shot (its folder, its key,
            or the beginning of that), or of a folder of numbered pictures.
        workspace: workspace that is searched for shots named by a key, a sidecar or a recipe.
        prefix: text before the number in the pictures' names; any if None.
        warn: takes a line about each thing that is passed over.

    Raises:
        PictureError: a name is none of these, or names pictures that do not make a film.
        OutputError: a shot is unfinished or damaged, or not in the workspace.
        FilmError: there is something besides a walk.
    """
    sources = []
    for name in names:
        path = Path(name)
        if path.is_file():
            has_sidecar = path.suffix == ".json" or sidecar_of(path).is_file()
            sources += (_of_sidecar if has_sidecar else _of_recipe)(path, workspace)
        elif path.is_dir():
            sources += _of_folder(path, prefix, warn)
        else:
            sources += _of_one(_by_key(name, workspace))
    if len(names) > 1 and (walk := next((one for one in sources if one.passing), None)):
        raise FilmError(f"'{walk.folder}' is a walk, which is a film by itself; name it alone")
    return sources


def check_sizes(sources: Sequence[FrameSource], any_size: bool) -> list[tuple[int, int]]:
    """Check that the pictures of a film have one size; only their headers are read.

    Args:
        sources: sources of the film's frames.
        any_size: True if different sources may have different sizes.

    Returns:
        Height and width of each source's pictures.

    Raises:
        PictureError: sizes differ, or a picture is unreadable.
    """
    sizes = []
    for source in sources:
        first, *others = source.pictures.values()
        size = _size_of(first)
        for other in others:
            if (found := _size_of(other)) != size:
                raise PictureError(
                    f"'{other}' is {_words(found)} pixels, but '{first}' is {_words(size)};"
                    " make them one size"
                )
        sizes.append(size)
    for source, size in zip(sources, sizes, strict=True):
        if size != sizes[0] and not any_size:
            raise PictureError(
                f"the pictures in '{source.folder}' are {_words(size)} pixels, but those in"
                f" '{sources[0].folder}' {_words(sizes[0])}; pass ",
                Setting("resolution"),
                ", such as 1080p",
            )
    return [(height, width) for width, height in sizes]


def parse_order(text: str, count: int) -> list[int]:
    """Read a list such as "3,1" as places in a film of `count` parts, from 0.

    Raises:
        FilmError: an item of the list is not the number of a part.
    """
    places = [part.strip() for part in text.split(",")]
    for place in places:
        if not place.isdecimal() or not 1 <= int(place) <= count:
            raise FilmError(
                Setting("order", f"'{text}'"), f": '{place}' is not between 1 and {count}"
            )
    return [int(place) - 1 for place in places]


def list_numbered(folder: Path, prefix: str | None, warn: Warn) -> dict[int, Path]:
    """List a folder's numbered pictures by number from 0, however many digits each has.

    Numbers that are dates or times only sort the pictures, which then follow one another evenly.

    Args:
        folder: folder that is listed, without its subfolders.
        prefix: text before the number; if None, all names must have the same.
        warn: takes a line about missing numbers.

    Raises:
        PictureError: there are fewer than two, two of one number, or several prefixes.
    """
    numbered = _group(folder, prefix)
    for (number, one), (other, second) in pairwise(numbered):
        if number == other:
            raise PictureError(f"'{one}' and '{second}' both have number {number}; remove one")
    if numbered[-1][0] >= _DATES:
        return {at: path for at, (_, path) in enumerate(numbered)}
    count, some = _missing([number for number, _ in numbered])
    if count:
        warn(f"'{folder}' lacks {_some(some, count)}; the film goes on without")
    first = numbered[0][0]
    return {number - first: path for number, path in numbered}


def _group(folder: Path, prefix: str | None) -> list[tuple[int, Path]]:
    """Sort the pictures of one prefix, which a folder has two of at least, by number."""
    groups: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.iterdir()):
        found = _NUMBERED.fullmatch(path.name)
        if found and path.is_file() and not path.name.startswith("."):
            groups.setdefault(found[1], []).append((int(found[2]), path))
    if prefix is not None:
        groups = {name: group for name, group in groups.items() if name == prefix}
    if len(groups) > 1:
        names = [f"'{name}' ({len(group):,})" for name, group in groups.items()]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        raise PictureError(
            f"pictures in '{folder}' have several prefixes: {', '.join(names[:_NAMED])}{more};"
            " choose one with ",
            Setting("prefix"),
        )
    wanted = "" if prefix is None else f" with the prefix '{prefix}'"
    numbered = sorted(next(iter(groups.values()), []))
    if not numbered:
        raise PictureError(
            f"there are no numbered pictures{wanted} in '{folder}', and no shots;"
            f" {_misnamed(folder)}name a workspace, a shot, or a folder with pictures such as"
            " 0000.png"
        )
    if len(numbered) == 1:
        raise PictureError(f"'{folder}' has a single picture{wanted}; a film needs two")
    return numbered


def _misnamed(folder: Path) -> str:
    """Say where a number must stand, if there is a picture where it stands elsewhere."""
    names = sorted(path.name for path in folder.iterdir() if _PICTURE.fullmatch(path.name))
    if not names:
        return ""
    return f"the number must stand right before the suffix, not as in '{names[0]}'; "


def _of_folder(folder: Path, prefix: str | None, warn: Warn) -> list[FrameSource]:
    if folder.name == "steps" and (folder.parent / "shot.json").is_file():
        folder = folder.parent
    if (folder / "shot.json").is_file():
        return _of_one(Shot(folder.name, folder))
    for shots in (folder / "shots", folder):
        if found := sorted(shots.glob("*/shot.json"), key=lambda path: path.stat().st_mtime_ns):
            return _of_workspace(folder, [path.parent for path in found], warn)
    pictures = list_numbered(folder, prefix, warn)
    return [FrameSource(folder, pictures, Entry(str(folder), folder.resolve().name))]


def _of_workspace(folder: Path, places: Iterable[Path], warn: Warn) -> list[FrameSource]:
    """The finished shots of a workspace, in the order in which they were begun, or its one walk."""
    shots: list[Shot] = []
    for place in places:
        if (place / "done.json").exists():
            shots.append(Shot(place.name, place))
        else:
            warn(f"passed over: shot '{place}' is unfinished")
    if not shots:
        raise OutputError(f"no shot in '{folder}' is finished; run the command that began them")
    walks = [shot for shot in shots if _opening_of(shot)]
    others = [shot for shot in shots if shot not in walks]
    if walks and {shot.key for shot in others} <= {_opening_of(walks[0])}:
        if len(walks) == 1:
            return _of_one(walks[0])
        raise FilmError(f"'{folder}' holds {len(walks)} walks; name one, such as '{walks[0].path}'")
    for shot in walks:
        warn(f"passed over: shot '{shot.path}' is a walk, a film by itself; name it alone")
    return [_of_shot(shot) for shot in others]


def _of_one(shot: Shot) -> list[FrameSource]:
    """The parts of a film of one shot; a walk has one for each of its paintings."""
    source, opening = _of_shot(shot), _opening_of(shot)
    if not opening:
        return [source]
    _, files = shot.files
    every = shot.description.get("settings", {}).get("keep_every", 1)
    lap = lap_taken(max(source.pictures), every, len(files))
    passings = [
        Passing(Path(), frame, lap.frames, lap.lead, every) for frame in lap.passed(len(files))
    ]
    works = [_entry_at(file) for file in files]
    walk = _Walk(opening, shot.key, passings)
    return _of_walk(walk, works, shot.path, [shot.path.parent.parent])


def _opening_of(shot: Shot) -> str:
    """The key of the shot that a walk sets out from; "" of any other shot.

    Only a walk goes on from a shot and has several paintings: a chain's shots have one each.
    """
    about = shot.description
    kind, _, key = str(about.get("start", "")).partition(":")
    return key if kind == "shot" and len(shot.files[1]) > 1 and "clip" not in about else ""


def _of_shot(shot: Shot, entry: Entry | None = None) -> FrameSource:
    if not (shot.path / "done.json").exists():
        raise OutputError(
            f"shot '{shot.path}' is unfinished; run the command that began it once more"
        )
    done, about = shot.done(), shot.description
    steps = shot.steps()
    if not shot.is_finished:
        every = about.get("settings", {}).get("keep_every", 1)
        wanted = {*range(0, done.get("steps", 0), every), done.get("steps", 0)}
        lost = sorted(wanted - set(steps))
        raise OutputError(
            f"shot '{shot.path}' lacks {_some(lost, len(lost)) if lost else 'iterates'};"
            " remove it and take it again"
        )
    if len(steps) < 2:
        has = "a single iterate" if steps else "no iterates"
        raise OutputError(f"shot '{shot.path}' has {has}; a film needs two")
    pictures = {step: shot.step_path(step) for step in steps}
    content = stem_of(Path(about.get("content_file", "")))
    return FrameSource(shot.path, pictures, entry or _entry_of(about, shot), shot, content, done)


def _of_sidecar(path: Path, workspace: Workspace) -> list[FrameSource]:
    """The shots of a film, in its order, with the paintings that its sidecar names."""
    sidecar = sidecar_of(path)
    try:
        about = json.loads(sidecar.read_text("utf-8"))
        paintings = about["paintings"]
        works = [(_entry_from(one), one.get("shot"), one.get("pictures")) for one in paintings]
        walk = _walk_in(about) if "walk" in about else None
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        way = way_without_sidecar(path) or "name a film that has one, or folders"
        raise PictureError(
            f"'{sidecar}' is no sidecar that medley render, walk or assemble wrote; {way}"
        ) from None
    # Older versions wrote only the order's paths as absolute ones.
    told = (about.get("order") or {}).get("workspace"), about.get("workspace")
    places = [workspace.root, *(Path(place) for place in told if place)]
    if walk:
        return _of_walk(walk, [entry for entry, *_ in works], sidecar, places)
    if not works or not all(key or folder for _, key, folder in works):
        raise PictureError(f"'{sidecar}' names no shots; name a medley's, or folders of pictures")
    sources = []
    for entry, key, folder in works:
        if folder:
            found = _of_pictures(Path(folder), sidecar)
            sources += [replace(one, entry=entry) for one in found]
        else:
            sources.append(_of_shot(_shot_in(places, key, sidecar), entry))
    return sources


def _of_recipe(film: Path, workspace: Workspace) -> list[FrameSource]:
    """The shots of a film whose sidecar is lost, by the recipe in it."""
    spec = plan_again(film, workspace)
    shots = [_shot_in([workspace.root], key, film) for key in spec.keys]
    if isinstance(spec.order, WalkOrder):
        seconds = spec.order.walk.seconds_per_painting
        parts = [(one, one.passing) for one in _of_one(shots[-1])]
        return [replace(one, passing=at and replace(at, seconds=seconds)) for one, at in parts]
    works = [one.paintings[0].entry for one in spec.shots]
    return [_of_shot(shot, work) for shot, work in zip(shots, works, strict=True)]


def _shot_in(places: Sequence[Path], key: str, sidecar: Path) -> Shot:
    """The shot that a sidecar names, in the first of these workspaces that has it."""
    shots = (Workspace(place).shot(key) for place in places)
    shot = next((shot for shot in shots if shot.path.is_dir()), None)
    if shot is None:
        raise OutputError(
            f"shot {key} of '{sidecar}' is not in '{places[0]}'; pass its ", Setting("workspace")
        )
    return shot


class _Walk(NamedTuple):
    """What a sidecar tells of a walk: keys of its shots, and where it passes each painting."""

    opening: str
    following: str
    passings: list[Passing]


def _walk_in(about: Mapping[str, Any]) -> _Walk:
    walk, frames = about["walk"], int(about["film"]["frames"])
    every = int(walk.get("steps_per_frame") or about["settings"]["steps_per_frame"])
    lead, passed = int(walk["lead_frames"]), [int(one["frame"]) for one in about["paintings"]]
    if not (
        passed and 0 < lead <= frames and every > 0 and 0 <= min(passed) <= max(passed) < frames
    ):
        raise ValueError("these numbers are no walk's")
    seconds = float(about["settings"]["seconds_per_painting"])
    passings = [Passing(Path(), frame, frames, lead, every, seconds) for frame in passed]
    return _Walk(str(about["opening"]["shot"]), str(walk["shot"]), passings)


def _of_walk(
    walk: _Walk, works: Sequence[Entry], sidecar: Path, places: Sequence[Path]
) -> list[FrameSource]:
    """A walk's one shot for each of its paintings."""
    source = _of_shot(_shot_in(places, walk.following, sidecar))
    first = walk.passings[0]
    if not {*range(0, (first.lead + first.frames) * first.every, first.every)} <= {
        *source.pictures
    }:
        raise PictureError(f"'{sidecar}' is of another walk than shot '{source.folder}' is")
    photo = _of_shot(_shot_in(places, walk.opening, sidecar)).pictures[0]
    return [
        replace(source, entry=work, passing=replace(passing, photo=photo))
        for work, passing in zip(works, walk.passings, strict=True)
    ]


def _of_pictures(folder: Path, sidecar: Path) -> list[FrameSource]:
    if not folder.is_dir():
        raise PictureError(f"there is no folder '{folder}' any more, which '{sidecar}' names")
    return _of_folder(folder, None, lambda _: None)


def _by_key(source: str, workspace: Workspace) -> Shot:
    shots = workspace.root / "shots"
    found = []
    if len(source) >= _SHORTEST_KEY and source.isalnum():
        found = sorted(path for path in shots.glob(f"{source}*") if path.is_dir())
    if len(found) > 1:
        raise OutputError(f"'{source}' begins the keys of {len(found)} shots; write more of it")
    if not found:
        raise PictureError(
            f"'{source}' is no folder, no film with a sidecar, and no shot in '{workspace.root}';"
            " check its name, or pass ",
            Setting("workspace"),
        )
    return Shot(found[0].name, found[0])


def _entry_of(about: Mapping[str, Any], shot: Shot) -> Entry:
    """The painting of a shot, or the shot in its place."""
    files = about.get("painting_files") or []
    return _entry_at(files[0]) if files else Entry(str(shot.path), shot.key)


def _entry_at(file: str) -> Entry:
    """The painting in a file, with its catalog's facts if both are still there."""
    try:
        return read_catalog([Path(file)]).entries[0]
    except PictureError:
        return Entry(file, Path(file).name)


def _entry_from(work: Mapping[str, Any]) -> Entry:
    """The painting in a sidecar; a title that merely repeats the file's name is dropped."""
    facts = work.get("catalog") or {}
    known = {
        name: str(facts[name]) for name in ("artist", "genre", "style", "date") if name in facts
    }
    entry = Entry(str(work["file"]), Path(work["file"]).name, **known)
    title = str(work["title"])
    return entry if title == title_of(entry) else replace(entry, title=title)


def _missing(numbers: Sequence[int]) -> tuple[int, list[int]]:
    """Count the numbers that an evenly spaced series lacks, and give the first few.

    Its last gap may be shorter.
    """
    steps = Counter(later - earlier for earlier, later in pairwise(numbers))
    stride = max(steps, key=lambda step: (steps[step], -step))
    gaps = [range(earlier + stride, later, stride) for earlier, later in pairwise(numbers)]
    return sum(map(len, gaps)), list(islice(chain.from_iterable(gaps), _NAMED))


def _some(numbers: Sequence[int], count: int) -> str:
    named = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return f"number{'' if count == 1 else 's'} {named}{more}"


def _size_of(path: Path) -> tuple[int, int]:
    try:
        return size_in(path)
    except PictureError as error:
        raise PictureError(f"{error}; make it again") from error


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
