"""What a run shows while it runs: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from medley.cli.words import printable

if TYPE_CHECKING:  # torch comes with it
    from medley.studio.compression.stage import Stage
    from medley.studio.shooting.progress import Progress as ShotProgress

_BAR_WIDTH = 6  # columns that a long title leaves for the bar and around it
_SHORTEST = 16  # columns that a title always has
_RECENT = 0.2  # weight of the latest step in the running mean of seconds a step


def clock(seconds: float) -> str:
    """Write a time to wait for as minutes and seconds, or hours and minutes."""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}h{whole % 3600 // 60:02}"


class Display:
    """Follows a run's shots and film, and shows them on a console."""

    def __init__(self, console: Console, progress: Progress) -> None:
        """Made by `display`."""
        self._console = console
        self._progress = progress
        self._bar: TaskID | None = None
        self._total = 0
        self._step_s = 0.0
        self._last: dict[int, tuple[int, float]] = {}

    def shot(self, now: ShotProgress) -> None:
        """Show how far the shots are; a finished one leaves a line."""
        self._total = self._total or now.steps_left + now.step
        if now.step:
            # Of a shot that is gone on with, only the mean is known at first.
            last_step, last_s = self._last.get(now.number, (-1, 0.0))
            mean = now.seconds / (now.step + 1)
            latest = now.seconds - last_s if now.step == last_step + 1 else mean
            known = self._step_s or latest
            self._step_s = known + _RECENT * (latest - known)
        self._last[now.number] = now.step, now.seconds
        # Those at work share what is left, but each has its own shot to end.
        left = max(now.steps_left / now.at_once, now.steps - now.step)
        shot = f"{now.what} {now.number}/{now.paintings} {now.title}"
        self._show(
            shot,
            self._total - now.steps_left,
            self._total,
            f"step {now.step}/{now.steps}  loss {now.loss:,.0f}"
            f"  {self._step_s:.2f} s/step  {clock(self._step_s * left)} left",
        )
        if now.step == now.steps:
            self.line(f"{shot}: loss {now.loss:,.0f} after {clock(now.seconds)}")

    def frame(self, written: int, total: int) -> None:
        """Show how far the film is."""
        self._show("cutting the film", written, total, f"frame {written}/{total}")

    def stage(self, now: Stage) -> None:
        """Show how far a computation is."""
        self.count(now.what, now.done, now.total)

    def count(self, what: str, done: int, total: int) -> None:
        """Show how many are done of what is to be done."""
        self._show(what, done, total, f"{done}/{total}")

    def line(self, text: str) -> None:
        """Leave a line on the console."""
        self._console.print(printable(text), highlight=False, markup=False, soft_wrap=True)

    def _show(self, description: str, completed: int, total: int, detail: str) -> None:
        words = Text(printable(description))
        room = self._console.width - len(detail) - _BAR_WIDTH
        words.truncate(max(_SHORTEST, room), overflow="ellipsis")
        description = words.plain
        if self._bar is None:
            self._bar = self._progress.add_task(description, total=total, detail=detail)
        self._progress.update(
            self._bar, description=description, completed=completed, total=total, detail=detail
        )


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """Show progress on the console until the block ends; nothing of it stays there."""
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), TextColumn("{task.fields[detail]}", markup=False))
    bare = not console.is_terminal  # a file or a pipe gets plain lines only
    with Progress(*columns, console=console, transient=True, disable=bare) as progress:
        yield Display(console, progress)
