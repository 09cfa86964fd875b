"""Retired settings, which are still accepted so that no older command or file breaks."""

import logging
from functools import cache

RETIRED = frozenset({"batch_size"})
"""Names of settings of older versions, which are ignored."""

_log = logging.getLogger("medley")


@cache  # a batch of many films reads the same defaults for each of them
def warn_retired(name: str) -> None:
    """Warn once that a setting is ignored.

    Args:
        name: name as the user wrote it, such as "--batch-size".
    """
    _log.warning("%s has no effect any more; leave it out", name)
