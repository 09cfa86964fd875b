"""Calls timed in turns."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from medley.allocation import give_back_large_blocks


@dataclass(frozen=True)
class Times:
    """Seconds of each of a variant's calls.

    Attributes:
        wall: by the clock.
        busy: of all threads together.
        own: of the thread that calls; on a busy machine that comes nearest to the clock of an idle
            one.
    """

    wall: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)


def as_command_line() -> None:
    """Set threads and memory up as the command line does; before torch is imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    give_back_large_blocks()


def take_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Run every variant once a round, so that what else is at work on the machine is shared out.

    One round more, before all others, warms up.
    """
    times = {name: Times() for name in runs}
    clocks = time.perf_counter, time.process_time, time.thread_time
    for turn in range(rounds + 1):
        for name, run in runs.items():
            began = [clock() for clock in clocks]
            run()
            ended = [clock() for clock in clocks]
            if turn:
                of_run = times[name].wall, times[name].busy, times[name].own
                for kept, first, last in zip(of_run, began, ended, strict=True):
                    kept.append(last - first)
    return times


def middle_and_best(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and least."""
    return statistics.median(seconds), min(seconds)
