import shutil
from pathlib import Path

import pytest

from medley.errors import PictureError
from medley.paintings import draw, find_files
from medley.settings import CatalogSettings

ALL = CatalogSettings()


def stems(drawn):
    return [painting.path.stem for painting in drawn.paintings]


@pytest.fixture
def folder(make_picture, tmp_path) -> Path:
    for number in range(6):
        make_picture(f"styles/{number}.png", seed=number)
    return tmp_path / "styles"


def test_folder_is_listed_by_name_with_its_subfolders(make_picture, folder):
    make_picture("styles/sub/a.png")
    make_picture("styles/.hidden/b.png")
    (folder / "catalog.csv").touch()
    names = [path.relative_to(folder).as_posix() for path in find_files([folder])]
    assert names == ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png", "sub/a.png"]


def test_file_named_twice_is_drawn_once(folder):
    assert len(find_files([folder / "3.png", folder])) == 6


def test_same_seed_draws_the_same_paintings_wherever_they_lie(folder, tmp_path):
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for path in sorted(folder.iterdir(), reverse=True):
        shutil.copy(path, copy)
    some = CatalogSettings(sample=3, seed=7)
    assert stems(draw([folder], some)) == stems(draw([copy], some))
    draws = {tuple(stems(draw([folder], CatalogSettings(sample=3, seed=s)))) for s in range(9)}
    assert len(draws) > 1


def test_bad_file_is_replaced_and_the_rest_of_the_draw_stays(folder):
    before = stems(draw([folder], CatalogSettings(sample=3)))
    (folder / f"{before[1]}.png").write_bytes(b"")
    drawn = draw([folder], CatalogSettings(sample=3))
    assert stems(drawn)[:2] == [before[0], before[2]]
    assert len(drawn.paintings) == 3
    assert len(drawn.skipped) == 1
    assert f"{before[1]}.png' is not a readable picture (the file is empty)" in drawn.skipped[0]


def test_good_paintings_are_found_among_rubbish(folder):
    (folder / "notes.txt").write_text("bought in 1890")
    whole = (folder / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.jpg").touch()
    drawn = draw([folder], ALL)
    assert len(drawn.paintings) == 6
    assert [line.split("'")[1].rsplit("/", 1)[1] for line in drawn.skipped] == [
        "cut.png",
        "notes.txt",
        "zero.jpg",
    ]


def test_nothing_to_draw_is_an_error_that_says_why(folder, tmp_path):
    with pytest.raises(PictureError, match="asks for more than the 6 good paintings"):
        draw([folder], CatalogSettings(sample=7))
    with pytest.raises(PictureError, match="there is no painting or folder"):
        draw([tmp_path / "absent"], ALL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="no paintings in"):
        draw([tmp_path / "empty"], ALL)
    (tmp_path / "empty" / "a.jpg").touch()
    with pytest.raises(PictureError, match=r"none of the 1 files .*the file is empty"):
        draw([tmp_path / "empty"], ALL)


def test_odd_file_names_are_found(make_picture, tmp_path):
    for name in ['it\'s "art".png', "日本.png", "new\nline.png", "two  words.png"]:
        make_picture(f"odd/{name}")
    assert len(draw([tmp_path / "odd"], ALL).paintings) == 4


def test_symlink_loop_ends(folder):
    (folder / "loop").symlink_to(folder)
    assert len(find_files([folder])) >= 6
