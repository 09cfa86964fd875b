"""How the C library hands out memory: large tensors go back to the system when they are freed."""

import ctypes
import os
import sys
from pathlib import Path

_LARGE = 4 * 2**20  # bytes from which a block is taken from the system on its own
_KEPT = 16 * 2**20  # bytes that may stay free at the heap's end
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def give_back_large_blocks() -> None:
    """Let large blocks of this process, and of those it starts, be given back once they are freed.

    glibc learns to keep blocks of up to 32 MB in its heap, where a step's tensors of many sizes
    leave holes: at 512 x 512 pixels a quarter of a process's memory was nothing else. Blocks on
    their own leave none, but their pages are faulted in anew at every use. As huge pages that
    costs a few percent of a step's time; where the system has none it would cost a third, and
    nothing is changed.

    To be called before torch is imported, which asks once whether it may use huge pages.
    """
    if not sys.platform.startswith("linux") or not _has_huge_pages():
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):  # musl has no mallopt
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)


def give_back_holes() -> None:
    """Let the free pages between this process's blocks be given back, now; takes up to 30 ms.

    For where much that was there is gone and something else is made: what has been torn up into
    holes is of no use to it.
    """
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        if hasattr(library, "gnu_get_libc_version"):
            library.malloc_trim(0)


def _has_huge_pages() -> bool:
    try:
        return "[never]" not in _HUGE_PAGES.read_text("ascii")
    except OSError:
        return False
