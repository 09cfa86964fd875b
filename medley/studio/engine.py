"""Where shots are taken: a process for each device of this machine, or a Ray cluster."""

from collections.abc import Sequence

from medley.errors import MedleyError
from medley.settings import EngineSettings
from medley.studio.engines.jobs import Engine, Event, Job, Outcome
from medley.studio.engines.local import LocalEngine
from medley.studio.shooting.device import Device, available_devices, name_device
from medley.workspace import Workspace

__all__ = ["Engine", "Event", "Job", "LocalEngine", "Outcome", "every_device", "open_engine"]


def open_engine(settings: EngineSettings, workspace: Workspace) -> Engine:
    """Make the engine that the settings name.

    Args:
        settings: which one, and how many workers it has.
        workspace: where the shots go.

    Raises:
        MedleyError: a device is not here; there is no Ray, or none at the address.
    """
    if settings.engine == "local":
        if settings.address:
            raise MedleyError(f"--address '{settings.address}' is Ray's; add --engine ray")
        devices = every_device(settings.devices)
        crew = [device for device in devices for _ in range(settings.workers)]
        return LocalEngine(crew, workspace, settings.retries, settings.shrink)
    try:
        from medley.studio.engines.cluster import RayEngine
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise MedleyError(
            "--engine ray needs Ray, which is not here; pip install 'medley[ray]', or pass"
            " --engine local"
        ) from None
    return RayEngine(settings, workspace)


def every_device(names: Sequence[str]) -> list[Device]:
    """Find the devices that `EngineSettings.devices` names; "auto" means all that are alike.

    Raises:
        MedleyError: this machine or this torch does not have one.
    """
    if tuple(names) == ("auto",):
        names = [name for name in available_devices() if name.startswith("cuda:")] or names
    return [name_device(name) for name in names]
