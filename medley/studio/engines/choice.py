"""The choice of the engine that takes a run's shots."""

from collections.abc import Sequence

from medley.errors import MedleyError, Setting
from medley.settings import EngineSettings
from medley.studio.engines.inline import InlineEngine
from medley.studio.engines.jobs import Engine
from medley.studio.engines.processes import ProcessEngine
from medley.studio.shooting.devices import every_device
from medley.workspace.store import Workspace


def engine_for(devices: Sequence[str], workspace: Workspace, shots: int) -> Engine:
    """Make the engine of one film: this process, or one for each of several devices.

    Args:
        devices: device of each process; no more processes are started than there are shots.
        workspace: workspace that keeps the shots.
        shots: number of shots to be taken.
    """
    used = devices[: max(1, shots)]
    if len(used) > 1:
        return ProcessEngine(used, workspace)
    return InlineEngine(used[0], workspace, several=shots > 1)


def open_engine(settings: EngineSettings, workspace: Workspace) -> Engine:
    """Make the engine that a batch's settings name.

    Args:
        settings: settings that name the engine, its workers and devices.
        workspace: workspace that keeps the shots.

    Raises:
        MedleyError: a device is not here, Ray is not installed, or it is not at the address.
    """
    if settings.engine == "local":
        if settings.address:
            raise MedleyError(
                Setting("address", f"'{settings.address}'"), " is Ray's; add ",
                Setting("engine", "ray"),
            )  # fmt: skip
        workers = planning_devices(settings)
        return ProcessEngine(workers, workspace, settings.retries, settings.shrink)
    try:
        # Ray is an optional dependency and takes seconds to import.
        from medley.studio.engines.ray_engine import RayEngine
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise MedleyError(
            Setting("engine", "ray"),
            " needs Ray, which is not here; pip install 'medley[ray]', or pass ",
            Setting("engine", "local"),
        ) from None
    return RayEngine(settings, workspace)


def planning_devices(settings: EngineSettings) -> list[str]:
    """The device of each worker; for a cluster, this machine's devices stand in for its own.

    Raises:
        MedleyError: a device is not here.
    """
    names = settings.devices if settings.engine == "local" else ("auto",)
    return [device for device in every_device(names) for _ in range(settings.workers)]
