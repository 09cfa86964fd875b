"""How a command ends: its exit codes, and the signals that ask it to end as Ctrl-C does."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_ASKING = [
    signal.Signals[name] for name in ("SIGTERM", "SIGUSR1") if name in signal.Signals.__members__
]

EXITS = {
    0: "all that was asked for is done",
    1: "something failed, and standard error says what and the way out",
    2: "the command line is not understood",
    128 + signal.SIGINT: "ended by Ctrl-C (SIGINT)",
    **{128 + number: f"ended by {number.name}" for number in _ASKING},
}
"""What each exit code means; docs/exit-codes.md says more. SIGUSR1 is 10 on Linux."""


class Interrupted(KeyboardInterrupt):
    """An interruption of a command that knows what is kept of its work.

    Attributes:
        kept: words for it, such as "; the training is kept"; "" for nothing.
    """

    def __init__(self, kept: str) -> None:
        """Keep the words."""
        super().__init__(kept)
        self.kept = kept


@contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Let an interruption of the block say what is kept then."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(kept()) from stop


class Ending:
    """Asks a command to end when a signal comes, and knows by which one it was asked.

    Attributes:
        by: the first of the signals that came; SIGINT if none did, which is Ctrl-C's.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.by = signal.SIGINT

    @property
    def words(self) -> str:
        """Words for how an interrupted command was ended."""
        return "Interrupted" if self.by == signal.SIGINT else f"Ended by {self.by.name}"

    @property
    def code(self) -> int:
        """The exit code of an interrupted command."""
        return 128 + self.by

    @contextmanager
    def answering(self) -> Iterator[None]:
        """In the block, SIGTERM and SIGUSR1 interrupt the main thread as Ctrl-C does.

        A signal that the caller has this process ignore stays ignored.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():  # handlers can be set there only
            for number in _ASKING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    before[number] = signal.signal(number, self._ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, _: Any) -> None:
        """Interrupt the command, once: the next signal must not cut off its checkpoints.

        A scheduler sends several: Slurm SIGUSR1, then SIGTERM, then SIGKILL.
        """
        if self.by == signal.SIGINT:
            self.by = signal.Signals(number)
            raise KeyboardInterrupt
