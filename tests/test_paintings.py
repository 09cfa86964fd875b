import gc
import os
import re
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import medley.paintings.draws as paintings
from medley.errors import PictureError
from medley.images import read_picture
from medley.paintings.catalogs import read_catalog
from medley.paintings.draws import find_files, find_photos, fingerprint, is_near
from medley.paintings.tables import COLUMNS
from medley.settings import CatalogSettings

ALL = CatalogSettings()


def draw(places, settings, fit=lambda picture, _: np.asarray(picture)):
    return paintings.draw(places, settings, fit)


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
    names = [path.relative_to(folder).as_posix() for path in find_files([folder])]
    assert names == ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png", "sub/a.png"]


def test_file_named_twice_is_drawn_once(folder):
    assert len(find_files([folder / "3.png", folder])) == 6


def test_folders_without_a_picture_are_no_photos_and_are_named(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("bought in 1890")
    (tmp_path / "notes" / "b.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    bare = [tmp_path / "empty", tmp_path / "notes"]
    assert len(find_photos([*bare, folder])) == 6
    with pytest.raises(PictureError, match=r"no picture in '.*empty', '.*notes'; name") as no:
        find_photos(bare)
    assert "b.svg': drawings and documents are not read" in str(no.value)


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
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(60))
    (folder / "price list.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    (folder / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (folder / "scan").write_bytes(whole)
    drawn = draw([folder], ALL)
    assert len(drawn.paintings) == 7
    assert [line.split("'")[1].rsplit("/", 1)[1] for line in drawn.skipped] == [
        "IMG_0001.HEIC",
        "cut.png",
        "zero.jpg",
        "price list.pdf",
    ]
    assert "is a HEIC photo, which is not read here; save it as JPEG or PNG" in drawn.skipped[0]


def test_drawings_are_told_of_in_one_line_and_files_that_are_no_pictures_in_none(folder):
    for name in ("notes.txt", "read.md", "facts.json", "page.html", ".hidden.svg", "clip.mp4"):
        (folder / name).write_bytes(b"\0\0\1\xba" if name == "clip.mp4" else b"some words")
    assert draw([folder], ALL).skipped == []
    (folder / "logo.SVG").write_text("<!-- a picture --><svg/>")
    (one,) = draw([folder], ALL).skipped
    assert one.startswith(f"'{folder}/logo.SVG': drawings and documents are not read; save")
    for number in range(200):
        (folder / f"{number:03}.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    for settings in (ALL, CatalogSettings(sample=3)):
        drawn = draw([folder], settings)
        (line,) = drawn.skipped
        assert line.startswith(f"'{folder}/000.eps', '{folder}/001.eps'")
        assert "and 196 more: drawings and documents are not read; save their pictures as" in line
        assert len(drawn.paintings) == (settings.sample or 6)


def test_picture_is_drawn_whatever_its_suffix_says(folder):
    (folder / "0.png").rename(folder / "0.pdf")
    drawn = draw([folder], ALL)
    assert (len(drawn.paintings), drawn.skipped) == (6, [])


def test_too_few_paintings_for_a_draw_are_told_with_those_that_were_passed_over(folder):
    for name in "abcdefg":
        (folder / f"{name}.jpg").write_bytes(b"torn")
    (folder / "logo.svg").write_text("<svg/>")
    with pytest.raises(PictureError) as caught:
        draw([folder], CatalogSettings(sample=7))
    said = str(caught.value)
    assert "asks for more than the 6 good paintings in" in said
    assert "; passed over: '" in said
    assert len(re.findall(r"'[^']*/[a-g]\.jpg' is not a readable picture", said)) == 5
    assert said.endswith("and 3 more")
    for path in folder.glob("?.jpg"):
        path.unlink()
    with pytest.raises(PictureError, match=r"passed over: '.*logo.svg': drawings"):
        draw([folder], CatalogSettings(sample=7))
    for path in folder.glob("?.png"):
        path.unlink()
    with pytest.raises(PictureError, match=r"no paintings in .*; passed over: '.*logo.svg': draw"):
        draw([folder], ALL)


def test_file_that_a_table_names_is_told_of_whatever_it_is(folder):
    (folder / "notes.txt").write_text("bought in 1890")
    (folder / "catalog.csv").write_text(f"{','.join(COLUMNS)}\nNotes,,,,,,notes.txt\n")
    catalog = read_catalog([folder])
    assert (len(catalog.entries), catalog.absent, catalog.unlisted) == (7, [], 6)
    assert "notes.txt' is not a readable picture" in draw([folder], ALL).skipped[0]


def test_nothing_to_draw_is_an_error_that_says_why(folder, tmp_path):
    with pytest.raises(PictureError, match="asks for more than the 6 good paintings"):
        draw([folder], CatalogSettings(sample=7))
    with pytest.raises(PictureError, match="asks for more than the 1 good painting in"):
        draw([next(path for path in folder.iterdir() if path.is_file())], CatalogSettings(sample=2))
    with pytest.raises(PictureError, match="there is no painting or folder"):
        draw([tmp_path / "absent"], ALL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="no paintings in"):
        draw([tmp_path / "empty"], ALL)
    (tmp_path / "empty" / "a.jpg").touch()
    with pytest.raises(PictureError, match=r"^'.*a\.jpg' is not a .*the file is empty"):
        draw([tmp_path / "empty"], ALL)
    (tmp_path / "empty" / "b.jpg").touch()
    with pytest.raises(PictureError, match=r"none of the 2 files .*the file is empty"):
        draw([tmp_path / "empty"], ALL)


def test_odd_file_names_are_found(make_picture, tmp_path):
    for name in ['it\'s "art".png', "日本.png", "new\nline.png", "two  words.png"]:
        make_picture(f"odd/{name}")
    assert len(draw([tmp_path / "odd"], ALL).paintings) == 4


def test_symlink_loop_ends(folder):
    (folder / "loop").symlink_to(folder)
    assert len(find_files([folder])) >= 6


ROWS = {  # artist, genre, style, date; the last two are the same picture
    "wave.png": ("Hokusai", "marina", "Ukiyo-e", "1831"),
    "fuji.png": ("Hokusai", "landscape", "Ukiyo-e", "1830-1832"),
    "crane.png": ("Hokusai", "animal painting", "Ukiyo-e", "1820.0"),
    "carp.png": ("Hokusai", "animal painting", "Ukiyo-e", ""),
    "lake.png": ("Félix Vallotton", "landscape", "Post-Impressionism", "c.1911"),
    "lilies.png": ("Claude Monet", "landscape", "Impressionism", "1907"),
}


@pytest.fixture
def catalog(make_picture, tmp_path) -> Path:
    """A folder of six paintings by three artists, with its table."""
    names = "artist,genre,style,date,title,in_train,new_filename"
    lines = [
        ",".join([*facts, name.split(".")[0].title(), "", name]) for name, facts in ROWS.items()
    ]
    for seed, name in enumerate(ROWS):
        make_picture(f"known/{name}", seed=seed)
    (tmp_path / "known" / "catalog.csv").write_text("\n".join([names, *lines]), "utf-8")
    return tmp_path / "known"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"artist": "hokusai"}, ["carp", "crane", "fuji", "wave"]),
        ({"artist": "FELIX  vallotton"}, ["lake"]),
        ({"genre": "landscape"}, ["fuji", "lake", "lilies"]),
        ({"style_name": "Ukiyo-e", "genre": "landscape"}, ["fuji"]),
        ({"years": "1831"}, ["wave"]),
        ({"years": "1825-1910"}, ["fuji", "lilies", "wave"]),
        ({"split": "train"}, ["carp", "crane", "fuji", "lake", "lilies", "wave"]),
    ],
)
def test_filters_leave_what_matches(catalog, filters, expected):
    assert stems(draw([catalog], CatalogSettings(**filters))) == expected


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (
            {"artist": "Monet"},
            r"artist 'Monet' .* mean 'Claude Monet'\? there are 'Hokusai' \(4\)",
        ),
        ({"artist": "Hokusay"}, r"did you mean 'Hokusai'\?"),
        ({"genre": "zzz"}, r"leaves no painting; there are '(landscape|animal painting)'"),
        ({"style_name": "impresionism"}, r"did you mean 'Impressionism'\?"),
        ({"years": "1500-1600"}, r"years 1500-1600 .*the dates go from 1820 to 1911"),
    ],
)
def test_filter_that_matches_nothing_says_what_there_is(catalog, filters, words):
    with pytest.raises(PictureError, match=words):
        draw([catalog], CatalogSettings(**filters))


def test_filter_without_catalog_says_that_nothing_is_known(folder):
    with pytest.raises(PictureError, match="none there has one in a catalog"):
        draw([folder], CatalogSettings(artist="Monet"))
    with pytest.raises(PictureError, match="no date is known"):
        draw([folder], CatalogSettings(years="1890"))


@pytest.mark.parametrize("years", ["90", "1890-", "1920-1880", "the 1890s"])
def test_years_are_one_or_two(years):
    with pytest.raises(ValueError, match=r"is not a year|ends before"):
        CatalogSettings(years=years)


def test_split_is_test_unless_asked(make_picture, tmp_path):
    for number, split in enumerate(["train", "train", "test"]):
        make_picture(f"pbn/{split}/{number}.png", seed=number)
    table = tmp_path / "pbn" / "all_data_info.csv"
    table.write_text("artist,genre,style,date,title,in_train,new_filename\n")
    root = tmp_path / "pbn"
    assert stems(draw([root], ALL)) == ["2"]
    assert stems(draw([root], CatalogSettings(split="train"))) == ["0", "1"]
    assert stems(draw([root], CatalogSettings(split="all"))) == ["0", "1", "2"]
    (root / "test" / "2.png").unlink()
    with pytest.raises(
        PictureError, match=r"all 2 paintings are in the split 'train'.*pass split tr"
    ):
        draw([root], ALL)


def test_spread_takes_one_of_each_before_a_second(catalog):
    for seed in range(8):
        some = CatalogSettings(sample=4, seed=seed, spread="artist")
        artists = [painting.entry.artist for painting in draw([catalog], some).paintings]
        assert len(set(artists[:3])) == 3
        assert artists[3] == "Hokusai"


def test_spread_keeps_the_order_of_the_draw_within_a_group(catalog):
    plain = stems(draw([catalog], CatalogSettings(sample=6, seed=5)))
    spread = stems(draw([catalog], CatalogSettings(sample=6, seed=5, spread="artist")))
    prolific = {"wave", "fuji", "crane", "carp"}
    assert [stem for stem in plain if stem in prolific] == [
        stem for stem in spread if stem in prolific
    ]


def test_near_duplicates_are_not_drawn_twice(folder):
    with Image.open(folder / "3.png") as picture:
        picture.resize((96, 80)).save(folder / "again.jpg", quality=60)
    drawn = draw([folder], CatalogSettings(sample=6, seed=1))
    assert len({"3", "again"} & set(stems(drawn))) == 1
    with pytest.raises(PictureError, match="more than the 6 good paintings"):
        draw([folder], CatalogSettings(sample=7))
    assert len(draw([folder], ALL).paintings) == 7
    everything = draw([folder], CatalogSettings(sample=6, seed=9))
    said = [line for line in drawn.skipped + everything.skipped if "nearly the same" in line]
    assert all("again.jpg" in line and "3.png" in line for line in said)


def test_pictures_that_differ_are_never_near(make_picture):
    marks = [fingerprint(read_picture(make_picture(seed=seed))) for seed in range(40)]
    assert not any(is_near(a, b) for n, a in enumerate(marks) for b in marks[:n])
    red, blue = (fingerprint(Image.new("RGB", (30, 20), name)) for name in ("red", "blue"))
    assert not is_near(red, blue)
    assert is_near(red, red)


def test_title_and_byline_come_from_the_catalog(catalog):
    (painting,) = draw([catalog], CatalogSettings(years="1820")).paintings
    assert (painting.title, painting.byline, painting.is_known) == ("Crane", "Hokusai, 1820", True)


def test_file_name_that_is_not_utf8_has_a_title_that_prints(folder):
    name = b"caf\xe9_1.png"
    Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes((folder / "0.png").read_bytes())
    titles = [painting.title for painting in draw([folder], CatalogSettings(sample=5)).paintings]
    titles += [painting.title for painting in draw([folder], ALL).paintings]
    assert "caf\ufffd 1" in titles
    "".join(titles).encode()


def test_painting_that_does_not_fit_is_named_and_another_drawn_in_its_place(folder):
    before = stems(draw([folder], CatalogSettings(sample=3)))

    def fit(picture, path):
        if path.stem == before[0]:
            raise PictureError(f"'{path}' is too thin")
        return np.asarray(picture)[:2]

    drawn = draw([folder], CatalogSettings(sample=3), fit)
    assert stems(drawn)[:2] == before[1:]
    assert drawn.skipped == [f"'{folder / before[0]}.png' is too thin"]
    assert {painting.picture.shape for painting in drawn.paintings} == {(2, 48, 3)}


def test_no_more_than_one_painting_is_in_memory_at_its_full_size(folder, monkeypatch):
    whole = []

    def read(path):
        gc.collect()
        assert not any(picture() for picture in whole)
        picture = read_picture(path)
        whole.append(weakref.ref(picture))
        return picture

    monkeypatch.setattr(paintings, "read_picture", read)
    small = draw([folder], ALL, lambda picture, _: np.asarray(picture.resize((4, 4)))).paintings
    assert len(small) == len(whole) == 6
