"""What a run shows while it runs: a live line or table on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from medley.cli.console import notes
from medley.cli.words import as_given, clock, counted, printable
from medley.errors import Wording, words_of
from medley.events import Event

_BAR_WIDTH = 6  # columns that a long title leaves for the bar and around it
_SHORTEST = 16  # columns that a title always has
_RECENT = 0.2  # weight of the latest step in the running mean of seconds a step
_REFRESH_S = 0.25
_LINE_S = 10  # between two lines about a computation's parts, where nothing can be overwritten
_SURE_S = 2  # of a computation, before which nobody knows how long it will take


class _Shots:
    """Keeps account of the steps that are left in shots."""

    def __init__(self, steps: Mapping[str, int], titles: Mapping[str, str]) -> None:
        self.titles = titles
        self.numbers = {key: number for number, key in enumerate(titles, start=1)}
        self.count = len(steps)
        self.at_work: dict[str, Event] = {}
        self.done = self.failed = 0
        self.taken = 0  # steps, in this run
        self._left = dict(steps)
        self._at: dict[str, int] = {}

    @property
    def steps_left(self) -> int:
        return sum(self._left.values())

    def on(self, event: Event) -> None:
        if event.kind in ("started", "step"):
            self.at_work[event.worker] = event
        if event.kind == "step":
            self.taken += event.step - self._at.get(event.key, event.step)
            self._at[event.key] = event.step
            self._left[event.key] = event.steps - event.step
        elif event.kind == "shotend":
            self.at_work.pop(event.worker, None)
            self._left[event.key] = 0
            if event.error:
                self.failed += 1
            else:
                self.done += 1


class _Count(NamedTuple):
    """How many of a computation's parts are done, and how many were when it was first heard of."""

    what: str
    total: int
    done: int
    first: int
    began: float
    is_timed: bool

    def words(self) -> str:
        """Say how many are done, and how long the rest takes if it goes on like this."""
        counted, spent = self.done - self.first, time.monotonic() - self.began
        write = clock if self.is_timed else str
        parts = f"{write(self.done)}/{write(self.total)}"
        if spent < _SURE_S or not counted:
            return parts
        return f"{parts}  {clock(spent / counted * (self.total - self.done))} left"


class Display:
    """Shows events on a console: of one film as a bar, of a batch as a table of workers."""

    def __init__(self, console: Console, live: Live | None, wording: Wording) -> None:
        """Made by `display`."""
        self._console, self._live, self._wording = console, live, wording
        self._what, self._loss = "shot", "loss"
        self._of_clips: Collection[str] = ()
        self._is_batch = False
        self._shots = _Shots({}, {})
        self._films = self._films_done = self._films_failed = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        self._task = self._bar.add_task("", visible=False, detail="")
        self._step_s = 0.0
        self._last: dict[str, Event] = {}
        self._cutting: Event | None = None
        self._began = self._shown = self._said = time.monotonic()
        self._counting: _Count | None = None

    def expect_films(self, count: int, made: int, failed: int = 0) -> None:
        """Learn how many films there are: each is told of, and each shot, and who is at what.

        Args:
            count: number of all films.
            made: number of those that exist already.
            failed: number of those that cannot be made, which was told.
        """
        self._is_batch = True
        self._films, self._films_done, self._films_failed = count, made, failed

    def expect_shots(
        self,
        what: str,
        titles: Mapping[str, str],
        steps: Mapping[str, int],
        loss: str = "loss",
        of_clips: Collection[str] = (),
    ) -> None:
        """Learn which shots there are.

        Args:
            what: word for a shot, such as "picture".
            titles: titles of all shots, by key, in their order.
            steps: steps of the missing shots, by key.
            loss: word for a shot's loss, which networks of their own measure differently.
            of_clips: keys of shots whose steps are a clip's frames.
        """
        self._loss, self._of_clips = loss, of_clips
        self._what, self._shots = what, _Shots(steps, titles)
        self._began = time.monotonic()

    def on(self, event: Event) -> None:
        """Show what happens."""
        self._shots.on(event)
        if event.kind != "stage":
            self._counting = None
        if event.kind == "step":
            self._step(event)
        elif event.kind in ("told", "retry"):
            self._told(event)
        elif event.kind == "cutting":
            self._cutting = event
            detail = f"frame {event.step}/{event.steps}"
            self._show("cutting the film", event.step, event.steps, detail)
        elif event.kind == "stage":
            self.count(event.title, event.step, event.steps, event.is_timed)
        elif self._is_batch and event.kind == "shotend":
            self._shot_ended(event)
        elif self._is_batch and event.kind == "filmend":
            self._film_ended(event)
        self._refresh()

    def count(self, what: str, done: int, total: int, is_timed: bool = False) -> None:
        """Show how many are done of what is to be done, and how long the rest may take."""
        count = self._counting
        if not count or done <= count.done or total != count.total:
            count = _Count(what, total, done, done, time.monotonic(), is_timed)
        self._counting = count._replace(what=what, done=done)
        self._show(what, done, total, self._counting.words())
        self._refresh()

    def remind(self) -> None:
        """Leave a line about a computation that has been silent for ten seconds."""
        now, count = time.monotonic(), self._counting
        if count and count.done < count.total and now - self._said >= _LINE_S:
            self._said = now
            self.line(f"{count.what}: {count.words()}")

    def line(self, text: str, style: str = "") -> None:
        """Leave a line on the console."""
        self._console.print(
            printable(text), style=style, highlight=False, markup=False, soft_wrap=True
        )

    def warn(self, text: str) -> None:
        """Leave a warning on the console."""
        self.line(f"warning: {text}", "yellow")

    def _told(self, event: Event) -> None:
        text = words_of(event.error, self._wording) if event.error else event.text
        if event.kind == "retry":
            text += "; tried again"
        if not self._is_batch:
            self.warn(text)
        elif event.worker:  # what is told of films stands in the log
            self.warn(f"{event.worker}: {text}")

    def _shot_ended(self, end: Event) -> None:
        shots = self._shots
        place = f"shot {shots.done + shots.failed}/{shots.count} {shots.titles[end.key]}"
        if end.error:
            self.line(f"{place}: failed: {words_of(end.error, self._wording)}", "red")
        elif not end.worker:
            self.line(f"{place}: taken by another batch")
        else:
            self.line(f"{place}: {clock(end.seconds)} on {end.worker}")

    def _film_ended(self, end: Event) -> None:
        self._cutting = None
        if end.error:
            self._films_failed += 1
        else:
            self._films_done += 1
        place = f"film {self._films_done + self._films_failed}/{self._films} '{end.key}'"
        if end.error:
            self.line(f"{place}: failed: {words_of(end.error, self._wording)}", "red")
        else:
            self.line(f"{place}: cut in {clock(end.seconds)}")

    def _step(self, now: Event) -> None:
        """Show how far the shots of a film are; a finished one leaves a line."""
        if self._is_batch:
            return
        self._time(now)
        shots = self._shots
        # Those at work share what is left, but each has its own shot to end.
        left = max(shots.steps_left / max(1, len(shots.at_work)), now.steps - now.step)
        unit = "frame" if now.key in self._of_clips else "step"
        number, count = shots.numbers.get(now.key, 1), len(shots.numbers) or 1
        shot = f"{self._what} {number}/{count} {shots.titles.get(now.key, now.title)}"
        self._show(
            shot,
            shots.taken,
            shots.taken + shots.steps_left,
            f"{unit} {now.step}/{now.steps}  {self._loss} {now.loss:,.0f}"
            f"  {self._step_s:.2f} s/{unit}  {clock(self._step_s * left)} left",
        )
        if now.step == now.steps:
            self.line(f"{shot}: {self._loss} {now.loss:,.0f} after {clock(now.seconds)}")

    def _time(self, now: Event) -> None:
        """Let a step count in the running mean of seconds a step."""
        last = self._last.get(now.key)
        self._last[now.key] = now
        if now.step == 0:
            return
        if last and now.step == last.step + 1:
            latest = now.seconds - last.seconds
        else:  # of a shot that is gone on with, only the mean is known at first
            latest = now.seconds / (now.step + 1)
        known = self._step_s or latest
        self._step_s = known + _RECENT * (latest - known)

    def _show(self, description: str, completed: int, total: int, detail: str) -> None:
        words = Text(printable(description))
        room = self._console.width - len(detail) - _BAR_WIDTH
        words.truncate(max(_SHORTEST, room), overflow="ellipsis")
        self._bar.update(
            self._task,
            description=words.plain,
            completed=completed,
            total=total,
            detail=detail,
            visible=True,
        )

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._live and now - self._shown >= _REFRESH_S:
            self._shown = now
            has_workers = self._is_batch and self._shots.count > 0
            self._live.update(self._table() if has_workers else self._bar, refresh=True)

    def _table(self) -> Group:
        shots = self._shots
        words = [
            f"films {self._films_done}/{self._films}",
            f"shots {shots.done}/{shots.count}",
        ]
        if shots.failed or self._films_failed:
            lost = counted(shots.failed, "shot"), counted(self._films_failed, "film")
            words.append(f"{lost[0]} and {lost[1]} failed")
        if shots.taken > 0:
            a_step = (time.monotonic() - self._began) / shots.taken
            words.append(f"{clock(a_step * shots.steps_left)} left")
        table = Table(box=None, header_style="bold", expand=False)
        for column in ("worker", "shot", "step", "loss", "left"):
            right = column in ("step", "loss", "left")
            table.add_column(column, justify="right" if right else "left", no_wrap=True)
        for name, event in sorted(shots.at_work.items()):
            table.add_row(name, *map(Text, self._row(event)))
        if self._cutting:
            frames = f"{self._cutting.step}/{self._cutting.steps}"
            name = printable(Path(self._cutting.key).name)
            table.add_row("cut", Text(name), frames, "", "")
        return Group(Text("  ".join(words), style="bold"), table)

    def _row(self, event: Event) -> list[str]:
        title = printable(self._shots.titles[event.key])
        if event.kind != "step":
            return [title, "begins", "", ""]
        left = event.seconds / event.step * (event.steps - event.step) if event.step else None
        step, loss = f"{event.step}/{event.steps}", f"{event.loss:,.0f}"
        return [title, step, loss, "" if left is None else clock(left)]


@contextmanager
def display(
    quiet: bool = False, wording: Wording = as_given, console: Console | None = None
) -> Iterator[Display]:
    """Show progress on the console until the block ends; nothing of it stays there.

    Args:
        quiet: True to show nothing.
        wording: function that words the settings that errors name.
        console: console that shows it; by default that of standard error.
    """
    console = console or notes(quiet)
    if not console.is_terminal or console.quiet:  # a file or a pipe gets plain lines only
        show = Display(console, None, wording)
        with _reminding(show):
            yield show
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield Display(console, live, wording)


@contextmanager
def _reminding(show: Display) -> Iterator[None]:
    """Let a display leave its lines about long computations, which say nothing for minutes."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            show.remind()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
