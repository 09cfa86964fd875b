"""Settings of memory: what goes back when it is freed, a GPU's sums, old objects left alone."""

import atexit
import ctypes
import gc
import os
import sys
from pathlib import Path

_LARGE = 4 * 2**20  # bytes from which a block is taken from the system on its own
_KEPT = 16 * 2**20  # bytes that may stay free at the heap's end
_ALL = 2**31 - 1  # bytes; as many as mallopt can be told
_LARGEST = 32 * 2**20  # bytes; the most that glibc lets its heap have in one block
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
CUBLAS_WORKSPACE, CUBLAS_REPEATABLE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"  # as NVIDIA says
_FULL_LOOKS = 1_000  # one in so many looks for garbage is at all objects; Python's own is 10
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def give_back_large_blocks() -> None:
    """Let the allocator give large blocks back to the system once they are freed.

    This counts for this process and for those that it starts. By default glibc learns to keep
    blocks of up to 32 MB in its heap, where a step's tensors of many sizes leave holes: at 512 x
    512 pixels a quarter of a process's memory was such holes. Blocks outside the heap leave none,
    but their pages are faulted in again at every use. With huge pages that costs a few percent of
    a step's time. Without them it would cost a third, and then nothing is changed.

    Must be called before torch is imported, which asks once whether it may use huge pages.
    """
    if not sys.platform.startswith("linux") or not _has_huge_pages():
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    _set_thresholds(_LARGE, _KEPT)


def keep_large_blocks() -> None:
    """Let the allocator keep large blocks when they are freed, against `give_back_large_blocks`.

    Called where blocks of the same sizes are wanted again and again, as for a film's frames: they
    leave no holes, and their pages are faulted in once. Through a tiny style network a frame takes
    a tenth less of a processor's time at 640 x 427 pixels, and a seventh less at 1280 x 853.
    """
    _set_thresholds(_LARGEST, _ALL)


def fix_cublas_workspaces() -> None:
    """Let cuBLAS, in this process and in those that it starts, always work in the same memory.

    Otherwise its sums are not repeatable, and torch may look only once whether they are: at the
    process's first matrix product, which need not be that of the first run that wants it.
    """
    os.environ.setdefault(CUBLAS_WORKSPACE, CUBLAS_REPEATABLE)


def give_back_holes() -> None:
    """Give the free pages between this process's blocks back to the system; takes up to 30 ms.

    Called where many tensors have been freed and others, of other sizes, are about to be made,
    which would not fit into the holes.
    """
    if library := _glibc():
        library.malloc_trim(0)


def _set_thresholds(alone: int, kept: int) -> None:
    """Set from how many bytes on a block is taken alone, and how many may stay free in the heap."""
    if library := _glibc():
        library.mallopt(_M_MMAP_THRESHOLD, alone)
        library.mallopt(_M_TRIM_THRESHOLD, kept)


def _glibc() -> ctypes.CDLL | None:
    """The C library, if it is glibc: musl has neither mallopt nor malloc_trim."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def collect_seldom() -> None:
    """Look for garbage among old objects seldom, and not at all as the interpreter ends.

    torch's import makes half a million objects, all of which stay. Looking through them again and
    again took a quarter of a second, and once more at the end twice as long. Young objects are
    looked at as often as before: what a refused picture leaves is large, and in cycles.
    """
    youngest, young, _ = gc.get_threshold()
    gc.set_threshold(youngest, young, _FULL_LOOKS)
    atexit.register(gc.freeze)  # the system frees it all at once


def _has_huge_pages() -> bool:
    try:
        return "[never]" not in _HUGE_PAGES.read_text("ascii")
    except OSError:
        return False
