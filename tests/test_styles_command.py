"""`medley styles`: tables, JSON, sheets and checks of small catalogs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.film.poster import WALL, gallery

from .conftest import draw_pixels
from .test_render import run


@pytest.fixture
def root(make_picture, tmp_path) -> Path:
    """A Painter by Numbers of three whole files, a torn one, and a row without a file."""
    lines = ["artist,date,genre,style,title,in_train,new_filename"]
    for number in range(1, 6):
        split = "train" if number == 1 else "test"
        if number < 5:
            path = make_picture(f"pbn/{split}/{number}.png", seed=number)
        lines.append(f"Artist {number % 2},18{number}0,marina,Style,No. {number},{number == 1},")
        lines[-1] += f"{number}.png"
    path.write_bytes(path.read_bytes()[:500])
    (tmp_path / "pbn" / "all_data_info.csv").write_text("\r\n".join(lines))
    return tmp_path / "pbn"


def test_shipped_paintings_are_listed_by_default(tmp_path):
    said = run("styles", cwd=tmp_path).stdout
    assert "Wheat under a Turning Sky" in said
    assert said.endswith("15 of 15 paintings\n")


def test_table_has_the_rows_that_filters_leave(root):
    said = run("styles", root, "--split", "all", "--artist", "artist 1", cwd=root).stdout
    assert "No. 1" in said and "No. 3" in said and "No. 2" not in said
    assert said.endswith("2 of 4 paintings, 1 rows without a file\n")
    again = run("styles", "list", root, "--split", "all", "--artist", "artist 1", cwd=root)
    assert again.stdout == said


def test_json_tells_the_same(root):
    told = json.loads(run("styles", root, "--json", cwd=root).stdout)
    assert [work["title"] for work in told["paintings"]] == ["No. 2", "No. 3", "No. 4"]
    assert told["paintings"][0] == {
        "file": str(root / "test" / "2.png"),
        "title": "No. 2",
        "artist": "Artist 0",
        "genre": "marina",
        "style": "Style",
        "date": "1820",
        "year": 1820,
        "split": "test",
    }
    assert (told["rows_without_file"], told["files_without_row"]) == (1, 0)


def test_sample_lists_what_a_film_would_draw(root):
    said = run("styles", root, "--sample", "2", "--json", cwd=root)
    titles = {work["title"] for work in json.loads(said.stdout)["paintings"]}
    assert titles == {"No. 2", "No. 3"}


def test_sheet_holds_the_whole_pictures_and_names_the_others(root):
    done = run("styles", root, "--sheet", "sheet.png", cwd=root)
    assert "passed over: " in done.stderr and "4.png' is not a readable picture" in done.stderr
    with Image.open(root / "sheet.png") as sheet:
        assert sheet.width > sheet.height > 300
    refused = run("styles", root, "--sheet", "sheet.png", cwd=root, expect=1)
    assert "exists; pass --force" in refused.stderr
    run("styles", root, "--sheet", "sheet.gif", cwd=root, expect=2)


def test_check_counts_whole_missing_and_bad_and_names_the_bad(root):
    done = run("styles", "check", root, cwd=root)
    named, counts = done.stdout.splitlines()
    assert "4.png' is not a readable picture (truncated after 500 bytes)" in named
    assert counts == "3 whole, 1 missing, 1 bad"
    assert "no painting or folder" in run("styles", "check", "no", cwd=root, expect=1).stderr


def test_odd_names_keep_to_their_lines(make_picture, tmp_path):
    names = ['it\'s "art".png', "日本.png", "new\nline.png", "two  words.png", "b[red]ack.png"]
    for seed, name in enumerate(names):
        make_picture(f"odd/{name}", seed=seed)
    shutil.copy(tmp_path / "odd" / "日本.png", tmp_path / "odd" / os.fsdecode(b"caf\xe9.png"))
    said = run("styles", "odd", cwd=tmp_path).stdout
    assert len(said.splitlines()) == 8
    for shown in ('it\'s "art".png', "日本.png", "new\\nline.png", "b[red]ack.png", "caf\\udce9"):
        assert f"odd/{shown}" in said
    (tmp_path / "odd" / "empty\n.png").touch()
    assert "empty\\n.png' is not" in run("styles", "check", "odd", cwd=tmp_path).stdout


def test_long_tables_are_cut_with_a_word(tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(503):
        (tmp_path / "many" / f"{number:03}.jpg").touch()
    said = run("styles", "many", cwd=tmp_path).stdout.splitlines()
    assert said[-2:] == ["... and 3 more; --json lists all", "503 of 503 paintings"]
    refused = run("styles", "many", "--sheet", "sheet.png", cwd=tmp_path, expect=2)
    assert "503 paintings are too many for a sheet" in refused.stderr


def test_styles_answer_without_torch(root):
    code = (
        "import sys; from medley.cli import cli;"
        f"cli(['styles', {str(root)!r}, '--sheet', 'sheet.png'], standalone_mode=False);"
        f"cli(['styles', 'check', {str(root)!r}], standalone_mode=False);"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [0, 1, 7])
def test_gallery_hangs_pictures_of_any_proportions(count):
    shapes = [(40, 50), (9, 90), (90, 9)]
    works = [
        (draw_pixels(*shapes[seed % 3], seed), f"title {seed}\nartist, 1890")
        for seed in range(count)
    ]
    sheet = gallery(works, cell=100)
    assert (sheet[0, 0] == WALL).all()
    assert ((sheet != np.array(WALL)).any(axis=2).mean() > 0.1) == (count > 0)
