import hashlib
import os
import re
import tempfile
from pathlib import Path

import pytest

from medley.errors import OutputError
from medley.files import (
    cache_folder,
    check_folder_free,
    check_free,
    file_sha256,
    flush_file,
    part_file,
    part_files,
    remove_parts_of,
    sha256,
    write_bytes,
    write_json,
)
from medley.studio.shooting.costs import Pace
from medley.studio.shooting.paces import keep_pace, known_pace


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_written_file_has_its_bytes_and_leaves_no_part_behind(tmp_path):
    write_bytes(tmp_path / "new" / "a.bin", b"abc")
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"abc"
    assert names(tmp_path / "new") == ["a.bin"]


def test_file_that_cannot_be_put_on_the_disk_is_named(tmp_path):
    write_bytes(tmp_path / "a.bin", b"abc", flush=False)
    flush_file(tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"abc"
    with pytest.raises(OutputError, match=r"cannot write '.*b\.bin' \(No such file"):
        flush_file(tmp_path / "b.bin")


def test_file_has_the_permissions_that_open_would_give(tmp_path):
    write_bytes(tmp_path / "ours", b"")
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_failing_block_keeps_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="midway"), part_file(path) as part:
        part.write_bytes(b"half")
        assert part.suffix == ".mp4"
        raise RuntimeError("midway")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["film.mp4"]


def test_files_that_belong_together_appear_together_in_order(tmp_path, monkeypatch):
    taken = []
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda s, to: taken.append(to.name) or rename(s, to))
    with part_files(tmp_path / "a.json", tmp_path / "new" / "b.mp4") as parts:
        for part in parts:
            part.write_bytes(b"whole")
        assert not any(name in ("a.json", "b.mp4") for name in names(tmp_path))
    assert taken == ["a.json", "b.mp4"]
    assert (names(tmp_path), names(tmp_path / "new")) == (["a.json", "new"], ["b.mp4"])


@pytest.mark.parametrize("name", ["one.mp4", "one.credits.txt", f"{'long' * 12}.mp4", "pictures"])
def test_parts_of_one_file_are_removed_and_no_other_file_s(tmp_path, monkeypatch, name):
    path = tmp_path / name
    others = [path.with_stem(f"{path.stem}{end}") for end in ("-and-more", "x")]
    monkeypatch.setattr("medley.files._remove", lambda _: None)  # as a killed process would
    for one in (path, *others):
        with pytest.raises(KeyboardInterrupt), part_files(one):
            raise KeyboardInterrupt
    monkeypatch.undo()
    assert len(names(tmp_path)) == 3
    remove_parts_of(path)
    assert len(names(tmp_path)) == 2
    for other in others:
        remove_parts_of(other)
    assert not names(tmp_path)


def test_of_files_that_belong_together_one_that_fails_keeps_all_the_old_ones(tmp_path):
    (tmp_path / "a.json").write_bytes(b"old")
    with (
        pytest.raises(RuntimeError, match="midway"),
        part_files(tmp_path / "a.json", tmp_path / "b.mp4") as (first, _),
    ):
        first.write_bytes(b"whole")
        raise RuntimeError("midway")
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match=r"cannot write .*file/b\.mp4"),
        part_files(tmp_path / "a.json", tmp_path / "file" / "b.mp4"),
    ):
        pass
    assert names(tmp_path) == ["a.json", "file"]


def test_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*a\.bin.*No space left on device"):
        write_bytes(tmp_path / "a.bin", b"abc")
    assert names(tmp_path) == []


def test_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        OutputError, match=r"cannot write .*file/a\.bin': .*file' is a file, no folder"
    ):
        write_bytes(tmp_path / "file" / "a.bin", b"")


def test_long_and_non_latin_names_can_be_written(tmp_path):
    path = tmp_path / ("звёздная ночь " * 9 + ".json")
    write_json(path, {"título": "Ночь"})
    assert "Ночь" in path.read_text("utf-8")


def test_existing_output_is_refused_without_force(tmp_path):
    path = tmp_path / "film.mp4"
    path.touch()
    with pytest.raises(OutputError, match="exists; pass force"):
        check_free(path, force=False)
    check_free(path, force=True)
    assert names(tmp_path) == ["film.mp4"]


def test_unwritable_output_is_found_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        check_free(tmp_path / "file" / "film.mp4", force=False)
    with pytest.raises(OutputError, match="is a folder"):
        check_free(tmp_path, force=True)
    with pytest.raises(OutputError, match="File name too long"):
        check_free(tmp_path / ("x" * 300) / "film.mp4", force=False)
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputError, match="No such file"):
        check_free(tmp_path / "link" / "film.mp4", force=False)


@pytest.mark.parametrize("name", ["film.mp4", "deep/er/film.mp4", "new/deep/../../film.mp4"])
def test_looking_whether_a_file_can_be_written_leaves_nothing(name, tmp_path):
    check_free(tmp_path / name, force=False)
    check_folder_free(tmp_path / name, False, re.compile("x"))
    assert names(tmp_path) == []
    write_json(tmp_path / name, {})  # which makes the folders then
    assert (tmp_path / name).is_file()


def test_digests_agree_with_hashlib(tmp_path):
    (tmp_path / "a").write_bytes(b"abcdef")
    expected = hashlib.sha256(b"abcdef").hexdigest()
    assert sha256(b"abc", b"def") == expected
    assert file_sha256(tmp_path / "a") == expected


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A user without a home, whom the system does not know, as a container's number is."""
    for name in ("MEDLEY_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    pwd = pytest.importorskip("pwd")

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    return tmp_path


def test_cache_of_a_user_without_home_lies_among_temporary_files(nobody, monkeypatch):
    assert cache_folder() == nobody / f"medley-{os.getuid()}"
    monkeypatch.setenv("MEDLEY_CACHE", str(nobody / "named"))
    assert cache_folder() == nobody / "named"


@pytest.mark.usefixtures("nobody")
def test_pace_is_kept_and_known_again_without_a_home():
    assert known_pace("cpu", "float32") is None
    keep_pace("cpu", "float32", Pace(1, 2, 3, 4))
    assert known_pace("cpu", "float32") == Pace(1, 2, 3, 4)


@pytest.mark.parametrize("name", ["file/film.mp4", "file/deep/film.mp4"])
def test_file_in_the_place_of_a_folder_is_named_before_the_work(name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"film\.mp4': '.*/file' is a file, no folder; name"):
        check_free(tmp_path / name, force=True)
