"""Photos to train on: archives are read, the right bytes are taken, and a run goes on."""

import csv
import hashlib
import io
import lzma
import re
import struct
import sys
import tarfile
import zipfile
import zlib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from PIL import Image

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture
def archives(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from photos import archives

    return archives


@pytest.fixture
def collection(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from photos import collection

    return collection


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    loader = SourceFileLoader("fetch_photos", str(SCRIPTS / "fetch_photos"))
    module = module_from_spec(spec_from_loader("fetch_photos", loader))
    loader.exec_module(module)
    return module


def ar(**files):
    data = b"!<arch>\n"
    for name, content in files.items():
        header = (
            f"{name.replace('_', '.'):<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
        )
        data += header.encode() + content + b"\n" * (len(content) % 2)
    return data


def deb(files):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("./link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, next(iter(files))
        out.addfile(link)
    return ar(
        debian_binary=b"2.0\n", control_tar_xz=b"odd", data_tar_xz=lzma.compress(tar.getvalue())
    )


def wheel(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return data.getvalue()


def rcc(plain, packed, folder="fôlder"):
    """A Qt resource file of one folder with a plain file "a.jpg" and a packed one "b.txt"."""
    names, places = b"", []
    for name in (folder, "a.jpg", "b.txt"):
        places.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    packed = struct.pack(">I", len(packed)) + zlib.compress(packed)
    blobs = b"".join(struct.pack(">I", len(blob)) + blob for blob in (plain, packed))
    node = struct.Struct(">IHIIQ")
    tree = node.pack(0, 2, 1, 1, 0) + node.pack(places[0], 2, 2, 2, 0)
    tree += node.pack(places[1], 0, 0, 0, 0) + node.pack(places[2], 1, 0, 4 + len(plain), 0)
    start = 24
    offsets = (start, start + len(tree), start + len(tree) + len(blobs))
    return b"qres" + struct.pack(">5I", 3, *offsets, 0) + tree + blobs + names


def picture(width=8, height=8, color=(200, 40, 20), **options):
    data = io.BytesIO()
    Image.new("RGB", (width, height), color).save(data, "JPEG", **options)
    return data.getvalue()


def test_a_debian_package_is_read_without_debian_s_tools(archives):
    package = deb({"usr/a.jpg": b"first", "usr/b.jpg": b"second!"})
    assert archives.read(package, {"usr/b.jpg"}) == {"usr/b.jpg": b"second!"}


def test_a_wheel_is_read(archives):
    assert archives.read(wheel({"data/a.png": b"a", "b": b"b"}), {"data/a.png"}) == {
        "data/a.png": b"a"
    }


def test_a_path_leads_into_a_resource_file_of_a_package(archives):
    package = deb({"share/photos.rcc": rcc(b"plain bytes", b"packed bytes")})
    wanted = {
        "share/photos.rcc/fôlder/a.jpg": b"plain bytes",
        "share/photos.rcc/fôlder/b.txt": b"packed bytes",
    }
    assert archives.read(package, set(wanted)) == wanted


@pytest.mark.parametrize("whole", [deb({"a": b"a" * 50}), wheel({"a": b"a" * 50})])
def test_an_archive_that_ends_early_is_refused_wherever_it_ends(archives, whole):
    for end in range(0, len(whole) - 1, 7):
        with pytest.raises(archives.ArchiveError):
            archives.read(whole[:end], {"a"})


def test_a_file_that_an_archive_lacks_is_named(archives):
    with pytest.raises(archives.ArchiveError, match=r"'usr/c\.jpg' is not in it"):
        archives.read(deb({"usr/a.jpg": b"a"}), {"usr/a.jpg", "usr/c.jpg"})


def source(collection, *files, of=None, **facts):
    data = files[-1].read_bytes() if of is None else of
    return collection.Source(
        about="A package",
        urls=[file.as_uri() for file in files],
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        **facts,
    )


def test_only_the_very_bytes_are_taken_and_the_next_address_is_asked(collection, tmp_path):
    good, bad, gone = (tmp_path / name for name in ("good", "bad", "gone"))
    good.write_bytes(b"as meant")
    bad.write_bytes(b"as sent!")
    assert collection.fetch(source(collection, gone, bad, good)) == b"as meant"


def test_a_refusal_says_of_every_address_why(collection, tmp_path):
    long, bad, short, gone = (tmp_path / name for name in ("long", "bad", "short", "gone"))
    long.write_bytes(b"as meant and more")
    bad.write_bytes(b"as sent!")
    short.write_bytes(b"as me")
    with pytest.raises(collection.FetchError) as refused:
        collection.fetch(source(collection, long, bad, short, gone, of=b"as meant"))
    text = str(refused.value)
    assert text.startswith("A package cannot be fetched: ") and "\n" not in text
    assert "short: ended after 5 of 8 bytes" in text
    digest = hashlib.sha256(b"as sent!").hexdigest()
    meant = hashlib.sha256(b"as meant").hexdigest()
    assert f"bad: other bytes, with SHA-256 {digest}, not {meant}" in text
    assert "long: other bytes" in text
    assert "gone: " in text and "No such file" in text


def test_a_photo_is_upright_rgb_and_at_most_768_pixels(collection):
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    with Image.open(io.BytesIO(collection.prepare(picture(1600, 800, exif=turned)))) as photo:
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (384, 768))
        assert "exif" not in photo.info
    small = io.BytesIO()
    Image.new("L", (512, 400), 90).save(small, "PNG")
    with Image.open(io.BytesIO(collection.prepare(small.getvalue()))) as photo:
        assert (photo.mode, photo.size) == ("RGB", (512, 400))


@pytest.fixture
def two_sources(collection, tmp_path):
    """Two archives on this disk with three photos, and the lists that name them."""
    first, second = tmp_path / "first.deb", tmp_path / "second.whl"
    first.write_bytes(deb({"a.jpg": picture(), "b.jpg": picture()}))
    second.write_bytes(wheel({"c.jpg": picture()}))
    rows = (("sea-a", "train", "one", "a.jpg"), ("sea-b", "held", "one", "b.jpg"))
    rows += (("sea-c", "train", "two", "c.jpg"),)
    photos = [collection.Photo(*row, author="Ada", licence="CC0") for row in rows]
    sources = {"one": source(collection, first), "two": source(collection, second)}
    return photos, sources, first, second


def run(script, monkeypatch, lists, folder):
    monkeypatch.setattr(script, "read_photos", lambda: lists[0])
    monkeypatch.setattr(script, "read_sources", lambda: lists[1])
    monkeypatch.setattr(sys, "argv", ["fetch_photos", str(folder)])
    return script.main()


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


EVERYTHING = {"LICENSES.txt", "train/sea-a.jpg", "held/sea-b.jpg", "train/sea-c.jpg"}


def test_photos_and_their_licences_are_put_in_the_folder(
    script, two_sources, monkeypatch, tmp_path, capsys
):
    assert run(script, monkeypatch, two_sources, tmp_path / "new" / "photos") == 0
    assert files(tmp_path / "new" / "photos") == EVERYTHING
    listed = (tmp_path / "new" / "photos" / "LICENSES.txt").read_text()
    assert "held/sea-b.jpg: Ada; CC0; b.jpg" in listed
    assert "2 photos in train, 1 in held" in capsys.readouterr().out


def test_what_is_there_is_neither_fetched_nor_made_again(
    script, two_sources, monkeypatch, tmp_path
):
    folder = tmp_path / "photos"
    assert run(script, monkeypatch, two_sources, folder) == 0
    two_sources[3].unlink()  # the second archive cannot be fetched any more, and need not be
    (folder / "train" / "sea-a.jpg").write_bytes(b"mine")
    (folder / "held" / "sea-b.jpg").unlink()
    assert run(script, monkeypatch, two_sources, folder) == 0
    assert files(folder) == EVERYTHING
    assert (folder / "train" / "sea-a.jpg").read_bytes() == b"mine"


def test_a_run_that_fails_says_so_in_one_line_keeps_what_it_has_and_goes_on_later(
    script, two_sources, monkeypatch, tmp_path, capsys
):
    folder, second = tmp_path / "photos", two_sources[3]
    whole = second.read_bytes()
    second.write_bytes(whole[:-1])
    assert run(script, monkeypatch, two_sources, folder) == 1
    said = capsys.readouterr().err
    assert said.startswith("fetch_photos: A package cannot be fetched: ")
    assert said.endswith("; what is prepared stays, run again to go on\n")
    assert said.count("\n") == 1
    assert files(folder) == EVERYTHING - {"train/sea-c.jpg"}
    second.write_bytes(whole)
    assert run(script, monkeypatch, two_sources, folder) == 0
    assert files(folder) == EVERYTHING


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(
    script, two_sources, monkeypatch, tmp_path, capsys
):
    (tmp_path / "photos").write_bytes(b"a file")
    assert run(script, monkeypatch, two_sources, tmp_path / "photos") == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "photos") in said and said.count("\n") == 1


def test_the_list_names_over_a_hundred_photos_and_holds_twenty_back(collection):
    photos, sources = collection.read_photos(), collection.read_sources()
    kinds = {"animal", "building", "flower", "landscape", "night", "people", "sea", "things"}
    assert len({photo.name for photo in photos}) == len(photos) > 120
    assert len({(photo.source, photo.member) for photo in photos}) == len(photos)
    assert {photo.set for photo in photos} == {"train", "held"}
    for chosen in ("train", "held"):
        assert {photo.name.split("-")[0] for photo in photos if photo.set == chosen} == kinds
    assert sum(photo.set == "held" for photo in photos) == 20
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", photo.name) for photo in photos)
    assert all(photo.author and photo.licence for photo in photos)
    assert {photo.source for photo in photos} == set(sources)
    for source in sources.values():
        assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
        assert all(url.startswith("https://") for url in source.urls)


def test_the_list_is_in_the_order_of_its_names():
    with (SCRIPTS / "photos" / "photos.csv").open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert names == sorted(names)
