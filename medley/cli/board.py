"""What a batch shows while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from medley.cli.progress import clock
from medley.cli.words import counted, printable

if TYPE_CHECKING:  # torch comes with them
    from medley.studio.batches.batch import Cutting, FilmEnd, Happening, ShotEnd
    from medley.studio.batches.schedule import Schedule
    from medley.studio.engines.jobs import Event

_REFRESH_S = 0.25


class Board:
    """Follows a batch's shots and films, and shows them on a console."""

    def __init__(self, console: Console, schedule: Schedule, live: Live | None) -> None:
        """Made by `board`."""
        self._console, self._live = console, live
        self._titles, self._shots = schedule.titles, len(schedule.jobs)
        self._steps_left = {
            key: job.take.scene.settings.steps for key, job in schedule.jobs.items()
        }
        self._steps = sum(self._steps_left.values())
        self._begun_at: dict[str, int] = {}
        self._found = 0  # steps that were taken before this batch
        self._films, self._films_done = len(schedule.order), schedule.made
        self._failed_films = self._failed = self._done = 0
        self._at_work: dict[str, Event] = {}
        self._cut: Cutting | None = None
        self._began = self._shown = time.monotonic()

    def show(self, happening: Happening) -> None:
        """Show what happens."""
        # By its class's name, because torch comes with the class.
        {
            "Event": self._event,
            "ShotEnd": self._shot,
            "Cutting": self._cutting,
            "FilmEnd": self._film,
        }[type(happening).__name__](happening)  # type: ignore[operator]
        now = time.monotonic()
        if self._live and now - self._shown >= _REFRESH_S:
            self._shown = now
            self._live.update(self._table(), refresh=True)

    def line(self, text: str, style: str = "") -> None:
        """Leave a line on the console."""
        self._console.print(
            printable(text), style=style, highlight=False, markup=False, soft_wrap=True
        )

    def _event(self, event: Event) -> None:
        if event.kind in ("started", "step"):
            self._at_work[event.worker] = event
        else:
            again = "; tried again" if event.kind == "retry" else ""
            self.line(f"warning: {event.worker}: {event.text}{again}", "yellow")
        if event.kind == "step":
            left = event.steps - event.step
            if event.key not in self._begun_at:
                self._begun_at[event.key] = event.step
                self._found += event.step
            self._steps_left[event.key] = left

    def _shot(self, end: ShotEnd) -> None:
        self._at_work.pop(end.worker, None)
        self._steps_left[end.key] = 0
        self._done += not end.error
        self._failed += bool(end.error)
        place = f"shot {self._done + self._failed}/{self._shots} {self._titles[end.key]}"
        if end.error:
            self.line(f"{place}: failed: {end.error}", "red")
        elif not end.worker:
            self.line(f"{place}: taken by another batch")
        else:
            self.line(f"{place}: {clock(end.seconds)} on {end.worker}")

    def _cutting(self, cutting: Cutting) -> None:
        self._cut = cutting

    def _film(self, end: FilmEnd) -> None:
        self._cut = None
        self._films_done += not end.error
        self._failed_films += bool(end.error)
        place = f"film {self._films_done + self._failed_films}/{self._films} '{end.film}'"
        if end.error:
            self.line(f"{place}: failed: {end.error}", "red")
        else:
            self.line(f"{place}: cut in {clock(end.seconds)}")

    def _table(self) -> Group:
        left = sum(self._steps_left.values())
        taken = self._steps - left - self._found
        words = [
            f"films {self._films_done}/{self._films}",
            f"shots {self._done}/{self._shots}",
        ]
        if self._failed or self._failed_films:
            shots, films = counted(self._failed, "shot"), counted(self._failed_films, "film")
            words.append(f"{shots} and {films} failed")
        if taken > 0:
            words.append(f"{clock((time.monotonic() - self._began) / taken * left)} left")
        table = Table(box=None, header_style="bold", expand=False)
        for column in ("worker", "shot", "step", "loss", "left"):
            right = column in ("step", "loss", "left")
            table.add_column(column, justify="right" if right else "left", no_wrap=True)
        for name, event in sorted(self._at_work.items()):
            table.add_row(name, *map(Text, self._row(event)))
        if self._cut:
            frames = f"{self._cut.frame}/{self._cut.frames}"
            table.add_row("cut", Text(printable(Path(self._cut.film).name)), frames, "", "")
        return Group(Text("  ".join(words), style="bold"), table)

    def _row(self, event: Event) -> list[str]:
        title = printable(self._titles[event.key])
        if event.kind != "step":
            return [title, "begins", "", ""]
        left = event.seconds / event.step * (event.steps - event.step) if event.step else None
        step, loss = f"{event.step}/{event.steps}", f"{event.loss:,.0f}"
        return [title, step, loss, "" if left is None else clock(left)]


@contextmanager
def board(console: Console, schedule: Schedule) -> Iterator[Board]:
    """Show a batch on the console until the block ends; of the table nothing stays there."""
    if not console.is_terminal or console.quiet:
        yield Board(console, schedule, None)
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield Board(console, schedule, live)
