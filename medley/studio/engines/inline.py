"""The engine that takes one shot after another in this process."""

import time
from collections.abc import Generator, Iterable

from medley.errors import MedleyError
from medley.events import Event
from medley.studio.engines.jobs import Job, WorkerInfo
from medley.workspace.store import Workspace


class InlineEngine:
    """Takes shots in this process, one after another."""

    def __init__(self, device: str, workspace: Workspace, several: bool = True) -> None:
        """Keep the arguments; nothing is loaded yet.

        Args:
            device: name of the device that computes, such as "cpu".
            workspace: workspace that keeps the shots.
            several: True if there may be more than one shot.
        """
        self.info = WorkerInfo(f"{device}.1", device, workspace.root, several=several)

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event, None, None]:
        """Take every job's shot, as `Engine` says, with one attempt each."""
        worker = None
        for job in filter(None, jobs):
            if worker is None:
                # torch takes a second to import, and is not needed until a shot is taken.
                from medley.studio.engines.worker import Worker

                worker = Worker(self.info)
            began, error = time.monotonic(), None
            try:
                yield from worker.take(job)
            except MedleyError as failure:
                error = failure
            yield Event(
                "shotend",
                job.key,
                job.label,
                self.info.name,
                self.info.device,
                seconds=time.monotonic() - began,
                error=error,
                attempts=1,
            )
