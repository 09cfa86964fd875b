import gc
import os
import platform
import subprocess
import sys

import pytest

from medley import allocation
from medley.allocation import collect_seldom, fix_cublas_workspaces, give_back_large_blocks
from medley.studio.engines import worker_main

# Leaves a block that is in use above one that is freed, as a step's tensors do.
HOLES = """
import ctypes, os, sys
from pathlib import Path
from medley import allocation

allocation._HUGE_PAGES = Path(sys.argv[1])
allocation.give_back_large_blocks()
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def take(size):
    block = library.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    return block

library.free(take(30 << 20))  # from which glibc learns to keep blocks of that size
before = resident()
large, above = take(20 << 20), take(100 << 10)
library.free(large)
print((resident() - before) >> 20, os.environ.get("THP_MEM_ALLOC_ENABLE"))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(("huge", "kept"), [("always [madvise] never", 0), ("[never]", 20)])
def test_freed_block_beneath_one_in_use_goes_back_where_pages_are_huge(tmp_path, huge, kept):
    (tmp_path / "enabled").write_text(huge)
    code = [sys.executable, "-c", HOLES, str(tmp_path / "enabled")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("THP_", "MALLOC_"))}
    done = subprocess.run(code, env=environment, capture_output=True, text=True, check=True)
    grown, thp = done.stdout.split()
    assert abs(int(grown) - kept) <= 2
    assert thp == ("1" if kept == 0 else "None")


AGAIN = """
if sys.argv[2] == "kept":
    allocation.keep_large_blocks()
before = resident()
library.free(take(30 << 20))
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(("wish", "kept"), [("given back", 0), ("kept", 30)])
def test_freed_blocks_are_kept_where_the_same_are_wanted_again(tmp_path, wish, kept):
    (tmp_path / "enabled").write_text("always [madvise] never")
    script = HOLES.partition("library.free(")[0] + AGAIN
    code = [sys.executable, "-c", script, str(tmp_path / "enabled"), wish]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    assert abs(int(done.stdout) - kept) <= 2


def test_a_user_s_own_choice_stays(monkeypatch):
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    monkeypatch.setattr(allocation.sys, "platform", "win32")
    give_back_large_blocks()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "0"


def test_cublas_works_in_the_same_memory_from_the_first_command_on(monkeypatch):
    name = "CUBLAS_WORKSPACE_CONFIG"
    code = (
        "import os, sys; from medley import cli\n"
        "try: cli.main(['layers'])\n"
        f"except SystemExit: print('torch' in sys.modules, os.environ['{name}'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != name}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False :4096:8"
    monkeypatch.setenv(name, ":16:8")
    fix_cublas_workspaces()
    assert os.environ[name] == ":16:8"


CYCLE = """
import gc, sys
from medley.cli import main

class Cycle:
    def __init__(self):
        self.own = self
    def __del__(self):
        print("looked through")

try:
    main(["presets"])
finally:
    print(*gc.get_threshold())
    Cycle()
"""


def test_a_command_looks_for_young_garbage_as_ever_for_old_seldom_and_not_at_its_end():
    done = subprocess.run([sys.executable, "-c", CYCLE], capture_output=True, text=True, check=True)
    *_, last = done.stdout.splitlines()
    youngest, young, old = gc.get_threshold()
    assert last == f"{youngest} {young} {allocation._FULL_LOOKS}"
    assert old <= allocation._FULL_LOOKS


def test_without_it_the_end_looks_through_all_objects():
    code = CYCLE.replace("from medley.cli import main", "main = print")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("looked through\n")


def test_a_worker_s_process_does_so_before_it_imports_torch(monkeypatch):
    class CalledError(Exception):
        pass

    def called():
        raise CalledError

    monkeypatch.setattr(worker_main, "collect_seldom", called)
    with pytest.raises(CalledError):
        worker_main.worker_main(None, None, (None, 1))


def test_settings_of_the_young_stay_as_somebody_set_them(monkeypatch):
    set_to = []
    monkeypatch.setattr(allocation.gc, "get_threshold", lambda: (50, 5, 2))
    monkeypatch.setattr(allocation.gc, "set_threshold", lambda *to: set_to.append(to))
    monkeypatch.setattr(allocation.atexit, "register", set_to.append)
    collect_seldom()
    assert set_to == [(50, 5, allocation._FULL_LOOKS), gc.freeze]
