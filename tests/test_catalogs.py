"""What catalogs hold, read from tables in every state; no picture is opened."""

import os
from pathlib import Path

import pytest

from medley.errors import PictureError
from medley.paintings.catalogs import read_catalog

HEADER = (
    "artist,date,genre,pixelsx,pixelsy,size_bytes,source,style,title,artist_group,in_train,"
    "new_filename"
)


def row(file, artist="Hilma af Klint", date="1907", in_train="FALSE", title="The Ten Largest"):
    return f'"{artist}",{date},abstract,9,9,99,made up,Symbolism,"{title}",test,{in_train},{file}'


def write_table(path, *rows, header=HEADER, end="\n", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join([header, *rows]) + end).encode(encoding))


@pytest.fixture
def root(tmp_path):
    """A small Painter by Numbers: three rows, of which one has no file; one file has no row."""
    write_table(
        tmp_path / "pbn" / "all_data_info.csv",
        row("1.jpg", in_train="TRUE"),
        row("2.jpg", date="c.1890"),
        row("3.jpg"),
    )
    for name in ("train/1.jpg", "test/2.jpg", "test/4.jpg", "test/.DS_Store"):
        (tmp_path / "pbn" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "pbn" / name).touch()
    (tmp_path / "pbn" / "submission_info.csv").touch()
    return tmp_path / "pbn"


def test_painter_by_numbers_is_known_by_its_table(root):
    catalog = read_catalog([root])
    known = {entry.name: entry for entry in catalog.entries}
    assert list(known) == ["1.jpg", "2.jpg", "4.jpg"]
    assert known["1.jpg"].path == root / "train" / "1.jpg"
    assert known["2.jpg"].artist == "Hilma af Klint"
    assert [entry.split for entry in known.values()] == ["train", "test", "test"]
    assert (known["4.jpg"].title, known["4.jpg"].year) == ("", None)


def test_rows_without_file_and_files_without_row_are_counted(root):
    catalog = read_catalog([root])
    assert (catalog.absent, catalog.unlisted) == (["3.jpg"], 1)


def test_unzipped_table_alone_is_an_error(tmp_path):
    write_table(tmp_path / "all_data_info.csv", row("1.jpg"))
    with pytest.raises(PictureError, match="neither train/ nor test/; unzip them there"):
        read_catalog([tmp_path])


@pytest.mark.parametrize("value", ["TRUE", "True", "true", "t", "1"])
def test_truth_is_written_in_many_ways(tmp_path, value):
    write_table(tmp_path / "catalog.csv", row("a.jpg", in_train=value), row("b.jpg", in_train="F"))
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    assert [entry.split for entry in read_catalog([tmp_path]).entries] == ["train", "test"]


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1955.0", 1955),
        ("c.1890", 1890),
        ("1880-1885", 1880),
        ("May 3 1924", 1924),
        ("12345", None),
        ("18th century", None),
        ("c.1350 BC", None),
        ("1350-1300 B.C.", None),
        ("1350 to c.1300 bce", None),
        ("BC 1350", None),
        ("-1350", None),
        ("ca. −1350", None),
        ("-1350 to -1300", None),
        ("500 BC - 1200", 1200),
        ("1890 B. Carter", 1890),
        ("May-1890", 1890),
        ("1880 - 1890", 1880),
        ("c.-1890", None),
        ("", None),
    ],
)
def test_year_is_the_first_four_digits(tmp_path, date, year):
    write_table(tmp_path / "catalog.csv", row("a.jpg", date=date))
    (tmp_path / "a.jpg").touch()
    assert read_catalog([tmp_path]).entries[0].year == year


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_mark_and_line_ends_do_not_matter(tmp_path, end, encoding):
    rows = [row("a.jpg", title="Żółw"), row("b.jpg", title='The ""Wave"", again')]
    write_table(tmp_path / "catalog.csv", *rows, end=end, encoding=encoding)
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    titles = [entry.title for entry in read_catalog([tmp_path]).entries]
    assert titles == ["Żółw", 'The "Wave", again']


def test_short_rows_and_rows_without_name_do_no_harm(tmp_path):
    header = "new_filename,title,artist,genre,style,date,in_train"
    write_table(tmp_path / "catalog.csv", "a.jpg,Alone", "", ",No file", header=header)
    (tmp_path / "a.jpg").touch()
    catalog = read_catalog([tmp_path])
    assert [(entry.title, entry.artist) for entry in catalog.entries] == [("Alone", "")]
    assert catalog.absent == []


def test_of_two_rows_for_a_file_the_first_counts(tmp_path):
    write_table(tmp_path / "catalog.csv", row("a.jpg", title="One"), row("a.jpg", title="Two"))
    (tmp_path / "a.jpg").touch()
    assert [entry.title for entry in read_catalog([tmp_path]).entries] == ["One"]


def test_missing_columns_are_named(tmp_path):
    write_table(tmp_path / "catalog.csv", header="artist,title,new_filename")
    with pytest.raises(
        PictureError, match=r"lacks the columns genre, style, date, in_train; it ha"
    ):
        read_catalog([tmp_path])
    (tmp_path / "catalog.csv").write_bytes(b"")
    with pytest.raises(PictureError, match="it has none"):
        read_catalog([tmp_path])


def test_other_encodings_and_torn_tables_are_named(tmp_path):
    write_table(tmp_path / "catalog.csv", row("a.jpg", title="Żółw"), encoding="cp1250")
    with pytest.raises(PictureError, match=r"catalog\.csv' is not UTF-8; save it as CSV in UTF-8"):
        read_catalog([tmp_path])
    write_table(tmp_path / "catalog.csv", row("b.jpg"), row("a.jpg", title="x" * 200_000))
    words = r"catalog\.csv' line 3 is no row of a table .field larger than field limit"
    with pytest.raises(PictureError, match=words):
        read_catalog([tmp_path])


PLAIN = "title,artist,genre,style,date,in_train,new_filename"
OPEN = {
    "in the middle": ('One,A,,,1890,,a.jpg\n"Two, blue,B,,,1891,,b.jpg\nThree,C,,,1892,,c.jpg', 3),
    "first": ('"One, blue,A,,,1890,,a.jpg\nTwo,B,,,1891,,b.jpg\n', 2),
    "in the last row": ('One,A,,,1890,,a.jpg\n"Two, blue,B,,,1891,,b.jpg', 3),
    "in the last column": ('One,A,,,1890,,"a.jpg\nTwo,B,,,1891,,b.jpg\n', 2),
    "closed by a later title": ('"One, blue,A,,,1,,a.jpg\n"Two",B,,,1891,,b.jpg\n', 2),
    "opened twice": ('"One, blue,A,,,1,,a.jpg\n"Two,B,,,1891,,b.jpg\n', 2),
    "after two lines in a cell": ('"One\nmore",A,,,,,a.jpg\nTwo,B,,,"1891,,b.jpg\n', 4),
}


@pytest.mark.parametrize("case", OPEN)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_open_quotation_mark_is_said_with_its_line_and_swallows_no_row(tmp_path, case, end):
    rows, line = OPEN[case]
    write_table(tmp_path / "catalog.csv", rows.replace("\n", end), header=PLAIN, end=end)
    words = rf"catalog\.csv' line {line}: a quotation mark is opened and not closed"
    with pytest.raises(PictureError, match=words):
        read_catalog([tmp_path])


def test_comma_without_quotation_marks_moves_no_cell_unsaid(tmp_path):
    write_table(tmp_path / "catalog.csv", "Two, blue,B,,,1891,,b.jpg", header=PLAIN)
    words = r"catalog\.csv' line 2 has 8 cells, but the header 7; put a text with ',' in it between"
    with pytest.raises(PictureError, match=words):
        read_catalog([tmp_path])
    write_table(tmp_path / "catalog.csv", "Two,B,,,1891,,b.jpg,, ,", header=PLAIN)
    (tmp_path / "b.jpg").touch()
    assert [entry.title for entry in read_catalog([tmp_path]).entries] == ["Two"]


def test_quotation_marks_that_are_letters_do_no_harm(tmp_path):
    rows = [
        '5" nails,A "B" C,,,1890,,a.jpg',
        '"The ""Wave""",D,,,1891,,b.jpg',
        '"Sky" blue,E,,,,,c.jpg',
    ]
    write_table(tmp_path / "catalog.csv", *rows, header=PLAIN)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).touch()
    titles = [entry.title for entry in read_catalog([tmp_path]).entries]
    assert titles == ['5" nails', 'The "Wave"', "Sky blue"]


def test_lines_in_a_cell_become_one(tmp_path):
    write_table(
        tmp_path / "catalog.csv", '"Two\r\nlines",A &\tB,,,"1890\n (print)",,a.jpg', header=PLAIN
    )
    (tmp_path / "a.jpg").touch()
    (entry,) = read_catalog([tmp_path]).entries
    assert (entry.title, entry.date, entry.year) == ("Two lines", "1890 (print)", 1890)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_of_every_spreadsheet_are_read(tmp_path, separator):
    rows = [
        [f'"One{separator} and more"', "A", "", "", "1890", "", "a.jpg"],
        ["Two", "B", "", "", "", "", "b.jpg"],
    ]
    header, first, second = (separator.join(cells) for cells in (PLAIN.split(","), *rows))
    write_table(tmp_path / "catalog.csv", first, second, header=header)
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    titles = [entry.title for entry in read_catalog([tmp_path]).entries]
    assert titles == [f"One{separator} and more", "Two"]


def test_other_separators_are_told_which_are_wanted(tmp_path):
    write_table(tmp_path / "catalog.csv", header=PLAIN.replace(",", "|"))
    with pytest.raises(
        PictureError, match=r"it has title\|artist.*; add them, separated by commas"
    ):
        read_catalog([tmp_path])


def test_names_as_windows_and_shells_write_them_are_matched(tmp_path):
    names = [".\\a.jpg", "./b.jpg", "C.JPG", "sub\\d.jpg", "SUB/E.jpg"]
    write_table(
        tmp_path / "catalog.csv",
        *(f"{at},A,,,,,{name}" for at, name in enumerate(names)),
        header=PLAIN,
    )
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg", "sub/e.jpg", "other.jpg"):
        (tmp_path / name).touch()
    catalog = read_catalog([tmp_path])
    titles = {entry.name: entry.title for entry in catalog.entries}
    assert titles == {
        "a.jpg": "0",
        "b.jpg": "1",
        "c.jpg": "2",
        "d.jpg": "3",
        "e.jpg": "4",
        "other.jpg": "",
    }
    assert (catalog.absent, catalog.unlisted) == ([], 1)
    (named,) = read_catalog([tmp_path / "c.jpg"]).entries
    assert named.title == "2"


def test_a_name_in_the_very_same_case_comes_first(tmp_path):
    write_table(tmp_path / "catalog.csv", "Large,A,,,,,A.jpg", "Small,A,,,,,a.jpg", header=PLAIN)
    for name in ("a.jpg", "A.jpg"):
        (tmp_path / name).touch()
    titles = {entry.name: entry.title for entry in read_catalog([tmp_path]).entries}
    assert titles["a.jpg"] == "Small"
    assert titles.get("A.jpg", "Large") == "Large"  # one file where the system knows no case


def test_file_named_outright_has_its_title_and_no_split(tmp_path):
    write_table(tmp_path / "catalog.csv", row("a.jpg", in_train="TRUE"))
    (tmp_path / "a.jpg").touch()
    (entry,) = read_catalog([tmp_path / "a.jpg"]).entries
    assert (entry.title, entry.split) == ("The Ten Largest", "")


def test_file_of_painter_by_numbers_named_outright_has_its_title(root):
    (entry,) = read_catalog([root / "test" / "2.jpg"]).entries
    assert (entry.title, entry.date, entry.split) == ("The Ten Largest", "c.1890", "")


def test_subfolders_are_joined_by_path_or_by_name(tmp_path):
    write_table(
        tmp_path / "catalog.csv", row("a.jpg", title="Any"), row("two/a.jpg", title="Second")
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()
    catalog = read_catalog([tmp_path])
    assert [entry.title for entry in catalog.entries] == ["Any", "Second"]
    assert catalog.absent == []


def test_accents_of_file_names_may_be_composed_or_not(tmp_path):
    write_table(tmp_path / "catalog.csv", row("caf\u00e9.jpg"))
    (tmp_path / "cafe\u0301.jpg").touch()
    catalog = read_catalog([tmp_path])
    assert [entry.title for entry in catalog.entries] == ["The Ten Largest"]


def test_unreadable_folder_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PictureError, match=r"cannot list '.*' \(Permission denied\)"):
        read_catalog([tmp_path])


def names(*places):
    return [entry.name for entry in read_catalog(places).entries]


def touch(folder, *files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def test_catalog_of_a_subfolder_counts_before_that_of_its_parent(tmp_path):
    touch(tmp_path, "a.jpg", "sub/a.jpg", "sub/b.jpg", "sub/c.jpg", "sub/deep/d.jpg")
    rows = [row("a.jpg", title="Outer"), row("b.jpg", title="Outer b"), row("gone.jpg")]
    write_table(tmp_path / "catalog.csv", *rows)
    rows = [row("a.jpg", title="Inner"), row("deep/d.jpg", title="Deep"), row("lost.jpg")]
    write_table(tmp_path / "sub" / "catalog.csv", *rows)
    catalog = read_catalog([tmp_path])
    titles = [entry.title for entry in catalog.entries]
    assert titles == ["Outer", "Inner", "Outer b", "", "Deep"]
    assert (catalog.absent, catalog.unlisted) == (["gone.jpg", "sub/lost.jpg"], 1)


def test_painter_by_numbers_below_the_folder_keeps_its_titles_and_splits(root):
    entries = read_catalog([root.parent]).entries
    assert [(entry.title, entry.split) for entry in entries if entry.title] == [
        ("The Ten Largest", "test"),
        ("The Ten Largest", "train"),
    ]


def test_a_file_under_several_spellings_is_listed_once(tmp_path, monkeypatch):
    touch(tmp_path, "z.jpg", "sub/b.jpg")
    (tmp_path / "a link.jpg").symlink_to(tmp_path / "z.jpg")
    (tmp_path / "folder").symlink_to(tmp_path / "sub")
    monkeypatch.chdir(tmp_path)
    assert names(tmp_path) == ["b.jpg", "z.jpg"]
    spellings = ("z.jpg", "./z.jpg", "sub/../z.jpg", "a link.jpg", "folder/b.jpg", "sub", "folder")
    assert names(*map(Path, spellings), tmp_path) == ["z.jpg", "b.jpg"]


def test_links_to_files_elsewhere_are_listed(tmp_path):
    touch(tmp_path, "far/1.jpg", "far/2.jpg", "near/0.jpg")
    for name, target in {"one": "1", "uno": "1", "two": "2"}.items():
        (tmp_path / "near" / f"{name}.jpg").symlink_to(tmp_path / "far" / f"{target}.jpg")
    assert names(tmp_path / "near") == ["0.jpg", "one.jpg", "two.jpg"]


def test_links_in_a_circle_end(tmp_path):
    touch(tmp_path, "deep/a.jpg")
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "this").symlink_to(".")
    assert names(tmp_path) == ["a.jpg", "self"]


def test_what_medley_made_is_not_listed(tmp_path):
    touch(
        tmp_path, "outputs/workspace/shots/0a/shot.json", "outputs/workspace/shots/0a/steps/0.png"
    )
    touch(tmp_path, *(f"outputs/film{end}" for end in (".mp4", ".json", ".png", ".credits.txt")))
    touch(tmp_path, "outputs/filmed.png", "holiday/film.mp4", "holiday/film.png", "shots/mine.jpg")
    assert names(tmp_path) == ["film.png", "filmed.png", "mine.jpg"]
    assert names(tmp_path / "outputs/workspace/shots/0a/steps") == ["0.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_pipe_in_a_table_s_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "catalog.csv")
    with pytest.raises(PictureError, match="is a pipe or a device, no table; rename it"):
        read_catalog([tmp_path])
