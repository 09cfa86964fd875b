"""The paintings that ship: files, catalog and the script that paints them agree."""

import csv
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
STYLES = ROOT / "styles"
SCRIPT = ROOT / "scripts" / "make_styles"
PAINTER_BY_NUMBERS = (
    "artist,date,genre,pixelsx,pixelsy,size_bytes,source,style,title,artist_group,in_train,"
    "new_filename"
)
QUICK = ("gilded", "glass")


def make_styles(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def rows() -> list[dict[str, str]]:
    with (STYLES / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path, long_side: int | None = None) -> np.ndarray:
    with Image.open(path) as picture:
        if long_side is not None:
            picture.thumbnail((long_side, long_side), Image.Resampling.BOX)
        return np.asarray(picture, np.float64)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    made = make_styles("--only", *QUICK, "--size", "192", "--out", folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_catalog_has_the_columns_of_painter_by_numbers():
    first = (STYLES / "catalog.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first == PAINTER_BY_NUMBERS


def test_catalog_lists_every_picture_once_and_no_other():
    listed = [row["new_filename"] for row in rows()]
    assert sorted(listed) == sorted(path.name for path in STYLES.glob("*.jpg"))
    assert len(set(listed)) == len(listed) >= 12


def test_catalog_tells_the_sizes_of_the_files():
    for row in rows():
        path = STYLES / row["new_filename"]
        with Image.open(path) as picture:
            assert picture.size == (int(row["pixelsx"]), int(row["pixelsy"])), path.name
        assert path.stat().st_size == int(row["size_bytes"]), path.name


def test_every_row_is_filled_and_titles_differ():
    for row in rows():
        assert all(row.values()), row["new_filename"]
        assert (row["date"], row["artist_group"], row["in_train"]) == ("2026", "test", "FALSE")
    assert len({row["title"] for row in rows()}) == len(rows())


def test_pictures_are_rgb_jpegs_of_768_pixels_without_another_color_space():
    for path in STYLES.glob("*.jpg"):
        with Image.open(path) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB"), path.name
            assert max(picture.size) == 768, path.name
            assert "icc_profile" not in picture.info, path.name
            assert not picture.getexif(), path.name


def test_all_pictures_together_stay_below_3_mb():
    assert sum(path.stat().st_size for path in STYLES.glob("*.jpg")) < 3_000_000


def test_pictures_are_distinct():
    files = sorted(STYLES.glob("*.jpg"))
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in files}) == len(files)
    tones = [np.histogramdd(pixels(path).reshape(-1, 3), 4, [(0, 256)] * 3)[0] for path in files]
    shares = [tone / tone.sum() for tone in tones]
    for i, one in enumerate(shares):
        for other in shares[:i]:
            assert 0.5 * np.abs(one - other).sum() > 0.15


def test_no_picture_has_a_large_empty_area():
    """Every tile of 64 pixels holds texture: neighbouring pixels differ."""
    for path in STYLES.glob("*.jpg"):
        gray = pixels(path).mean(2)
        high, wide = (side // 64 * 64 for side in gray.shape)
        tiles = gray[:high, :wide].reshape(high // 64, 64, wide // 64, 64).swapaxes(1, 2)
        assert tiles.std((2, 3)).min() > 4, path.name


@pytest.mark.parametrize("name", QUICK)
def test_same_seed_paints_the_same_pixels(name: str, small: Path, tmp_path: Path):
    made = make_styles("--only", name, "--size", "192", "--out", tmp_path)
    assert made.returncode == 0, made.stderr
    again, before = pixels(tmp_path / f"{name}.jpg"), pixels(small / f"{name}.jpg")
    np.testing.assert_array_equal(again, before)


@pytest.mark.parametrize("name", QUICK)
def test_a_small_picture_has_the_composition_of_the_shipped_one(name: str, small: Path):
    one, other = pixels(small / f"{name}.jpg", 48), pixels(STYLES / f"{name}.jpg", 48)
    assert one.shape == other.shape
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_catalog_of_some_paintings_lists_only_those(small: Path):
    text = (small / "catalog.csv").read_text(encoding="utf-8")
    named = re.findall(r"(\w+)\.jpg$", text, re.MULTILINE)
    assert sorted(named) == sorted(QUICK)


@pytest.mark.slow
def test_shipped_picture_is_what_the_script_paints(tmp_path: Path):
    """Within the rounding of another JPEG encoder; `make_styles --check` compares all bytes."""
    made = make_styles("--only", "glass", "--out", tmp_path)
    assert made.returncode == 0, made.stderr
    off = np.abs(pixels(tmp_path / "glass.jpg") - pixels(STYLES / "glass.jpg"))
    assert off.mean() < 2


@pytest.mark.slow
def test_check_names_a_picture_that_was_changed_and_writes_nothing(tmp_path: Path):
    forged = (STYLES / "gilded.jpg").read_bytes()
    (tmp_path / "glass.jpg").write_bytes(forged)
    checked = make_styles("--check", "--only", "glass", "--out", tmp_path)
    assert checked.returncode == 1
    assert "glass.jpg: differs" in checked.stdout
    assert re.search(r"glass\.jpg, catalog\.csv in .* run scripts/make_styles", checked.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["glass.jpg"]
    assert (tmp_path / "glass.jpg").read_bytes() == forged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "nobody"), r"invalid choice: '?nobody"),
        (("--size", "10"), r"--size is 10; choose 64 to 3072"),
        (("--check", "--size", "256"), r"leave --size out"),
    ],
)
def test_wrong_options_are_refused_before_painting(arguments: tuple[str, ...], message: str):
    refused = make_styles(*arguments)
    assert refused.returncode == 2
    assert re.search(message, refused.stderr)


def test_unwritable_folder_is_one_line(tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    failed = make_styles("--only", "glass", "--size", "64", "--out", tmp_path / "taken")
    assert failed.returncode == 1
    assert re.fullmatch(r"make_styles: cannot write '.*taken.*\n", failed.stderr)


def test_help_names_the_painters():
    shown = make_styles("--help")
    assert shown.returncode == 0
    assert "gilded" in shown.stdout
    assert "--check" in shown.stdout
