"""Settings that do nothing any more, still taken so that no older command or file breaks."""

import logging
from functools import cache

RETIRED = {"batch_size": "auto"}
"""Names that older versions knew and that nothing reads, each with the default that they wrote into
every film's sidecar; nobody wished for that one, so it is not warned of."""

_log = logging.getLogger("medley")


@cache  # a batch of many films reads the same defaults for each of them
def warn_retired(name: str) -> None:
    """Say once that a setting is ignored.

    Args:
        name: name as the user wrote it, an option's or a key's.
    """
    _log.warning("%s has no effect any more; leave it out", name)
