"""A manifest comes down to orders, and everything that is wrong with it is said at once."""

import json
import re
from pathlib import Path

import pytest

from medley.cli.words import in_options
from medley.errors import ConfigError, word
from medley.settings import RenderOrder, SweepOrder, WalkOrder
from medley.settings.manifest import SHARED, read_manifest
from medley.settings.manifest_schema import manifest_schema
from medley.settings.orders import ORDERS

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg", "art/one.png", "art/two.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def read(folder, text, **options):
    path = folder / "films.toml"
    path.write_text(text, "utf-8")
    return read_manifest(path, **options)


def faults(folder, text, **options):
    with pytest.raises(ConfigError, match=r"\w") as caught:
        read(folder, text, **options)
    said = [word(fault, in_options) for fault in caught.value.faults]
    return [fault.replace(f"'{folder}/films.toml'", "F") for fault in said]


def names(manifest):
    return [film.path.name for film in manifest.films]


def test_names_longer_than_any_file_s_are_none_that_exist(folder):
    for name in ("a" * 5000, "[a]" * 2000):
        (fault,) = faults(folder, f'[[film]]\ncontent = "{name}"\nstyles = "art"\n')
        assert "there is no '" in fault or "matches nothing" in fault


def test_manifest_that_windows_wrote_has_its_lines(folder):
    path = folder / "films.toml"
    path.write_text('[[film]]\r\ncontent = "a.jpg"\r\nstyles = "art"\r\nstepz = 7\r\n', "utf-16")
    with pytest.raises(ConfigError, match="line 4, film 1: there is no setting 'stepz'"):
        read_manifest(path)


def test_films_take_the_defaults_that_they_know(folder):
    found = read(
        folder,
        '[defaults]\nstyles = "art"\nsteps = 7\nlayout = "row"\ncaptions = "none"\n'
        '[[film]]\ncontent = "a.jpg"\nsteps = 9\n[[film]]\nkind = "sweep"\ncontent = "b.jpg"\n',
    )
    first, second = (film.order for film in found.films)
    assert isinstance(first, RenderOrder)
    assert isinstance(second, SweepOrder)
    assert (first.shot.steps, first.film.captions) == (9, "none")
    assert (second.shot.steps, second.sweep.layout, second.content) == (
        7,
        "row",
        (folder / "b.jpg",),
    )


def test_masks_bring_their_paintings(folder):
    (film,) = read(folder, '[[film]]\ncontent = "a.jpg"\nmask = ["m.png=art/one.png"]\n').films
    assert film.order.styles == (folder / "art/one.png",)
    assert film.order.blend.mask[0].mask == folder / "m.png"


def test_paths_are_relative_to_the_manifest(folder):
    found = read(
        folder,
        '[defaults]\nworkspace = "shots"\n[[film]]\ncontent = "a.jpg"\nstyles = ["art", "b.jpg"]\n'
        'init = "b.jpg"\noutput = "out/x.mp4"\n',
    )
    order = found.films[0].order
    assert found.workspace == order.run.workspace == folder / "shots"
    assert order.content == (folder / "a.jpg",)
    assert order.styles == (folder / "art", folder / "b.jpg")
    assert order.shot.init == folder / "b.jpg"
    assert order.film_path == folder / "out" / "x.mp4"


def test_paths_are_shown_without_detours_that_lead_back(folder, monkeypatch):
    text = (
        '[defaults]\nworkspace = "../shots"\n[[film]]\ncontent = "../a.jpg"\n'
        'styles = ["../art/../art/*.png", "new/../../art"]\noutput = "../out/{content}.mp4"\n'
        '[[film]]\ncontent = "../a.jpg"\nstyles = "../art"\noutput = "../../x.mp4"\n'
    )
    (folder / "lists" / "new").mkdir(parents=True)
    (folder / "lists" / "films.toml").write_text(text)
    monkeypatch.chdir(folder)
    found = read_manifest(Path("lists/films.toml"))
    first, second = (film.order for film in found.films)
    assert found.workspace == Path("shots")
    assert first.content == (Path("a.jpg"),)
    assert first.styles == (Path("art/one.png"), Path("art/two.png"), Path("art"))
    assert [film.path for film in found.films] == [Path("out/a.mp4"), Path("../x.mp4")]
    assert second.styles == (Path("art"),)


def test_detour_over_a_link_or_a_folder_that_is_not_there_is_kept(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "deep").mkdir()
    (elsewhere / "a.jpg").touch()
    (folder / "link").symlink_to(elsewhere / "deep")
    text = '[[film]]\ncontent = "link/../a.jpg"\nstyles = "art"\noutput = "none/../x.mp4"\n'
    (film,) = read(folder, text).films
    (photo,) = film.order.content
    assert photo.samefile(elsewhere / "a.jpg")
    assert film.path == folder / "none/../x.mp4"


def test_folder_above_the_root_is_the_root(folder):
    up = "../" * 60
    (film,) = read(
        folder, f'[[film]]\ncontent = "a.jpg"\nstyles = "art"\noutput = "{up}x.mp4"\n'
    ).films
    assert film.path.resolve() == Path(folder.anchor, "x.mp4")


def test_lists_and_patterns_multiply_into_films_of_their_own_names(folder):
    found = read(
        folder,
        '[[film]]\ncontent = "*.jpg"\nstyles = "art"\nbits = [8, 4]\ncontent-weight = [0.5]\n',
    )
    assert names(found) == [
        "a-medley-bits8.mp4",
        "a-medley-bits4.mp4",
        "b-medley-bits8.mp4",
        "b-medley-bits4.mp4",
    ]
    assert {film.order.shot.content_weight for film in found.films} == {0.5}


def test_one_name_is_told_apart_or_filled_in(folder):
    text = '[[film]]\nstyles = "art"\ncontent = ["a.jpg", "b.jpg"]\nsteps = [2, 3]\noutput = "{}"\n'
    assert names(read(folder, text.format("x.mp4"))) == [
        "x-a-steps2.mp4",
        "x-a-steps3.mp4",
        "x-b-steps2.mp4",
        "x-b-steps3.mp4",
    ]
    assert names(read(folder, text.format("{steps}_{content}_{kind}.mp4")))[1] == "3_a_render.mp4"


def test_braces_of_the_folder_are_none_of_the_names(folder):
    odd = folder / "{odd}"
    odd.mkdir()
    (odd / "a.jpg").touch()
    text = '[[film]]\ncontent = "a.jpg"\nstyles = "a.jpg"\noutput = "{bits}.mp4"\n'
    assert read(odd, text).films[0].path == odd / "8.mp4"


def test_options_that_are_lists_do_not_multiply_unless_they_hold_lists(folder):
    one = read(folder, '[[film]]\ncontent = "a.jpg"\nstyles = ["art/*.png", "b.jpg"]\n')
    assert [path.name for path in one.films[0].order.styles] == ["one.png", "two.png", "b.jpg"]
    two = read(folder, '[[film]]\ncontent = "a.jpg"\nstyles = [["art"], ["b.jpg", "a.jpg"]]\n')
    assert names(two) == ["a-medley-art.mp4", "a-medley-b+a.mp4"]


def test_a_sweep_takes_its_widths_as_a_list(folder):
    text = '[[film]]\nkind = "sweep"\nstyles = "art"\ncontent = ["a.jpg", "b.jpg"]\nbits = {}\n'
    one = read(folder, text.format("[8, 4]"))
    assert [(film.order.sweep.bits, len(film.order.content)) for film in one.films] == [((8, 4), 2)]
    two = read(folder, text.format('[[8, 4], ["3-1"]]'))
    assert [film.order.sweep.bits for film in two.films] == [(8, 4), (3, 2, 1)]


def test_a_films_own_size_counts_against_the_defaults_pixels(folder):
    found = read(
        folder,
        '[defaults]\npixels = 40000\nstyles = "art"\n[[film]]\ncontent = "a.jpg"\nsize = 64\n'
        '[[film]]\ncontent = "b.jpg"\n',
    )
    assert [(film.order.shot.size, film.order.shot.pixels) for film in found.films] == [
        (64, 384 * 384),
        (None, 40000),
    ]


def test_film_takes_a_default_back_by_the_word_none(folder):
    (folder / "s.wav").touch()
    found = read(
        folder,
        '[defaults]\naudio = "s.wav"\nstyles = "art"\npixels = 40000\n[[film]]\n'
        'content = "a.jpg"\naudio = "none"\nsize = "none"\noutput = "a.gif"\n[[film]]\n'
        'content = "b.jpg"\naudio = ["none", "s.wav"]\n',
    )
    assert [film.order.film.audio for film in found.films] == [None, None, folder / "s.wav"]
    assert found.films[0].order.shot.pixels == 40000
    assert names(found) == ["a.gif", "b-medley-audionone.mp4", "b-medley-s.mp4"]


def test_every_fault_is_said_at_once_with_its_line(folder):
    found = faults(
        folder,
        "extra = 1\n"
        "[defaults]\n"
        "sise = 4\n"
        'styles = "art"\n'
        "[[film]]\n"
        'content = "x*.jpg"\n'
        "bits = 9\n"
        'hold = "two"\n'
        'device = "cpu"\n'
        "[[film]]\n"
        'kind = "wolk"\n'
        "[[film]]\n"
        'content = ["a.jpg", "c.jpg"]\n'
        "size = 64\n"
        "pixels = 4000\n"
        "[[film]]\n"
        "steps = []\n"
        'output = "{bit}.mp4"\n'
        "[[film]]\n"
        'content = "art"\n'
        "stile_weight = 3\n"
        "workspace = 3\n",
    )
    assert found == [
        "F line 1: there is no 'extra' in a manifest; write [defaults] and [[film]]",
        "F line 3, [defaults]: there is no setting 'sise'; did you mean 'size'?",
        f"F line 6, film 1: content: 'x*.jpg' matches nothing in '{folder}'; check the pattern",
        "F line 7, film 1: bits: 9 is not a width; weights have 1 to 8 bits, or 32 for float",
        "F line 8, film 1: hold is 'two'; it must be a number from 0 to 600",
        "F line 9, film 1: device is not a single film's; pass --devices to the batch",
        "F line 11, film 2: kind is 'wolk'; it must be render, sweep, walk or clip",
        f"F line 13, film 3: content: there is no '{folder / 'c.jpg'}'; check its name",
        "F line 15, film 3: size and pixels contradict each other; keep one",
        "F line 16, film 4: content is missing; say it here or in [defaults]",
        "F line 17, film 4: steps: is an empty list; put something into it or take it out",
        "F line 18, film 4: output: '{bit}.mp4' has {bit}, which is no setting;"
        " did you mean {bits}?",
        f"F line 20, film 5: content: '{folder / 'art'}' is a folder; name a file, or write"
        f" '{folder / 'art'}/*'",
        "F line 21, film 5: there is no setting 'stile_weight'; did you mean 'style_weight'?",
        "F line 22, film 5: workspace is not a single film's; put it into [defaults]",
    ]


def test_a_walk_takes_what_its_command_takes_and_says_what_it_does_not(folder):
    found = read(
        folder,
        '[defaults]\nstyles = "art"\nhold = 2\n[[film]]\nkind = "walk"\ncontent = "*.jpg"\n'
        "linger = [0, 0.5]\nwalk-rate = 0.02\n",
    )
    assert names(found) == [
        "a-walk-linger0.mp4",
        "a-walk-linger0.5.mp4",
        "b-walk-linger0.mp4",
        "b-walk-linger0.5.mp4",
    ]
    assert all(isinstance(film.order, WalkOrder) for film in found.films)
    assert {film.order.walk.walk_rate for film in found.films} == {0.02}
    assert faults(
        folder,
        '[[film]]\nkind = "walk"\ncontent = "a.jpg"\nstyles = "art"\nlinger = 1\n'
        'steps_per_frame = 0\ntransition = "chain"\nphoto-pul = 3\n[[film]]\nkind = ["walk"]\n',
    ) == [
        "F line 5, film 1: linger is 1; it must be a number from 0 to below 1",
        "F line 6, film 1: steps_per_frame is 0; it must be a whole number from 1 to 100",
        "F line 7, film 1: transition: a walk has no such setting, but a render or sweep has;"
        " take it out",
        "F line 8, film 1: there is no setting 'photo-pul'; did you mean 'photo_pull'?",
        "F line 10, film 2: kind is ['walk']; it must be render, sweep, walk or clip",
    ]


def test_empty_paths_are_told_with_their_lines(folder):
    found = faults(
        folder,
        '[defaults]\nworkspace = ""\n[[film]]\ncontent = ["a.jpg", ""]\nstyles = ["art", ""]\n'
        'output = ""\nkeep = ""\n',
    )
    names = ["workspace", "content", "styles", "output", "keep"]
    lines = ["2, [defaults]", *(f"{line}, film 1" for line in range(4, 8))]
    assert found == [
        f"F line {line}: {name}: the path is empty; name a file or folder"
        for line, name in zip(lines, names, strict=True)
    ]


def test_wishes_that_nothing_can_meet_are_said_once_for_a_whole_product(folder):
    found = faults(
        folder,
        '[[film]]\ncontent = "*.jpg"\nstyles = "art"\nbits = [8, 4]\n'
        "content_weight = 0\nstyle_weight = 0\n",
    )
    assert found == ["F line 1, film 1: content_weight and style_weight are both 0; one must pull"]


def test_films_that_would_share_a_sidecar_are_both_named(folder):
    films = ("a.mp4", "a.gif")
    text = "".join(
        f'[[film]]\ncontent = "a.jpg"\nstyles = "art"\noutput = "{name}"\n' for name in films
    )
    (said,) = faults(folder, text)
    assert f"it makes '{folder / 'a.gif'}', and F line 1, film 1 '{folder / 'a.mp4'}'" in said
    assert "whose sidecars are one file; tell them apart" in said


def test_one_file_by_two_names_is_found_and_nothing_is_made_for_it(folder):
    (folder / "real").mkdir()
    (folder / "alias").symlink_to("real")
    (folder / "link.mp4").symlink_to("real/b.mp4")
    film = '[[film]]\ncontent = "a.jpg"\nstyles = "art"\noutput = "{}"\n'
    (folder / "films.toml").touch()
    before = sorted(folder.rglob("*"))
    for one, two in (
        ("new/deep/../../a.mp4", "a.mp4"),
        ("real/a.mp4", "alias/a.mp4"),
        ("real/a.gif", "alias/new/../a.gif"),
    ):
        (said,) = faults(folder, film.format(one) + film.format(two))
        assert "film 2: it makes '" in said
        assert "a.mp4', which is the same file; " in said or "a.gif', which is the same" in said
    (said,) = faults(folder, film.format("real/a.mp4") + film.format("alias/a.gif"))
    assert "whose sidecars are one file" in said
    # A film that is written replaces a link of its name, and not what the link leads to.
    assert names(read(folder, film.format("link.mp4") + film.format("real/b.mp4")))
    assert sorted(folder.rglob("*")) == before


def test_the_same_film_twice_is_named_with_both_places(folder):
    found = faults(
        folder,
        '[defaults]\nstyles = "art"\noutput = "x.mp4"\n[[film]]\ncontent = "a.jpg"\n'
        '[[film]]\ncontent = "b.jpg"\n[[film]]\ncontent = "b.jpg"\noutput = "y.mp4"\n'
        "bits = [8, 8]\n",
    )
    way = 'tell them apart, as in output = "{content}-{bits}.mp4"'
    assert found == [
        f"F line 6, film 2: it makes '{folder / 'x.mp4'}', as does F line 4, film 1; {way}",
        f"F line 8, film 3: it makes '{folder / 'y-bits8.mp4'}' twice; {way}",
    ]


BROKEN = {
    "a width that there is none of": 'content = "b.jpg"\nbits = 9\n',
    "no photo": "",
    "a photo that is not there": 'content = "c.jpg"\n',
    "a painting that is not there": 'content = "b.jpg"\nstyles = ["art", "c.jpg"]\n',
    "wishes that nothing can meet": 'content = "b.jpg"\ncontent_weight = 0\nstyle_weight = 0\n',
    "a setting that there is not": 'content = "b.jpg"\nstepz = 3\n',
}


@pytest.mark.parametrize("fault", BROKEN)
def test_the_same_name_is_told_beside_any_other_fault_in_the_order_of_the_lines(folder, fault):
    """Whichever of the two has the fault, and wherever the defaults stand in the file."""
    whole = '[[film]]\ncontent = "a.jpg"\noutput = "x.mp4"\n'
    broken = f'[[film]]\noutput = "x.mp4"\n{BROKEN[fault]}'
    after = '[defaults]\nstyles = "art"\nsise = 3\n'
    for text in (whole + broken + after, broken + whole + after):
        found = faults(folder, text)
        lines = [int(re.match(r"F line (\d+)", one)[1]) for one in found]
        assert lines == sorted(lines)
        assert sum("film 2: it makes" in one and "as does F line 1" in one for one in found) == 1
        assert len(found) == 3


@pytest.mark.parametrize(
    "fault",
    ["bits = [8, 9]", 'content = "c*.jpg"', 'output = "{bit}.mp4"', 'outptu = "y.mp4"'],
)
def test_no_two_names_are_called_the_same_that_may_differ_once_a_fault_is_mended(folder, fault):
    own = "" if fault.startswith("content") else 'content = "a.jpg"\n'
    text = f'[defaults]\nstyles = "art"\n[[film]]\n{own}{fault}\n[[film]]\ncontent = "a.jpg"\n'
    (found,) = faults(folder, text)
    assert "it makes" not in found


OWN, THERE = "is no film's, but the whole batch's; pass", "on the command line"


def test_options_of_the_batch_are_told_apart_from_misspelt_settings(folder):
    film = '[defaults]\nstyles = "art"\ndevices = "cpu"\n[[film]]\ncontent = "a.jpg"\n'
    said = faults(folder, film + 'retries = 3\nforce = true\nlog-json = "x"\nquiet = true\n')
    assert said == [
        f"F line 3, [defaults]: devices {OWN} --devices {THERE}",
        f"F line 6, film 1: retries {OWN} --retries {THERE}",
        f"F line 7, film 1: force {OWN} --force {THERE}",
        f"F line 8, film 1: log-json {OWN} --log-json {THERE}",
        f"F line 9, film 1: quiet {OWN} --quiet {THERE}",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("films = [\n", "F line 1: it is not TOML (Invalid value"),
        ("[[film]\n", r"is not TOML \(.*line 1"),
        ("", "there is no [[film]]; write one for each film"),
        ("film = 3\n", "film is no list of tables; write each as [[film]]"),
        ("[film]\nbits = 3\n", "F line 1: film is no list of tables"),
        ("defaults = 3\n[[film]]\n", "F line 1: defaults is no table"),
        ("[defaults]\nworkspace = 3\n", "line 2, [defaults]: workspace is 3; it must be a path"),
    ],
)
def test_what_is_no_manifest_is_said_in_a_line(folder, text, message):
    found = faults(folder, text)
    pattern = message if message.startswith("is not") else re.escape(message)
    assert any(re.search(pattern, fault) for fault in found)


def test_a_manifest_that_is_not_there_or_not_text_is_named(folder):
    with pytest.raises(ConfigError, match=r"cannot read '.*none.toml'"):
        read_manifest(folder / "none.toml")
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read_manifest(folder / "a.jpg")


def test_a_million_films_are_counted_and_not_made(folder):
    numbers = json.dumps(list(range(1, 1001)))
    text = f'[[film]]\ncontent = "a.jpg"\nstyles = "art"\nsteps = {numbers}\nseed = {numbers}\n'
    assert faults(folder, text) == [
        "F line 1, film 1: the manifest asks for 1,000,000 films (1,000 steps x 1,000 seed);"
        " pass --yes if all are meant"
    ]


def test_many_films_are_made_if_they_are_meant(folder, monkeypatch):
    monkeypatch.setattr("medley.settings.manifest.MANY", 3)
    text = '[[film]]\ncontent = "a.jpg"\nstyles = "art"\nsteps = [1, 2, 3, 4]\n'
    assert "asks for 4 films" in faults(folder, text)[0]
    assert len(read(folder, text, many=True).films) == 4


def test_every_setting_of_the_command_line_is_in_the_json_schema():
    schema = manifest_schema()
    films = schema["properties"]["film"]["items"]["oneOf"]
    for film, (kind, order) in zip(films, ORDERS.items(), strict=True):
        assert film["properties"].keys() == order.fields().keys() - SHARED.keys() | {"kind"}
        assert film["properties"]["kind"]["const"] == kind
    steps = films[0]["properties"]["steps"]
    assert steps["default"] == RenderOrder.fields()["steps"].default
    assert {"type": "integer", "minimum": 1, "maximum": 100_000} in steps["anyOf"]
    assert steps["anyOf"][-1]["type"] == "array"
    assert "workspace" in schema["properties"]["defaults"]["properties"]


def test_the_example_is_a_whole_manifest():
    found = read_manifest(ROOT / "examples" / "night.toml")
    assert len(found.films) > 3
    assert {film.order.kind for film in found.films} == set(ORDERS)


def test_names_that_no_manifest_has_are_told_of_in_the_order_of_the_file(folder):
    found = faults(folder, "steps = 3\nfps = 5\nhold = 0.2\nsize = 64\nbits = 8\n[[film]]\n")
    assert [fault.split(":")[0] for fault in found[:5]] == [f"F line {n}" for n in range(1, 6)]


def test_sweep_takes_files_of_weights_beside_widths_and_a_render_one_or_the_other(tmp_path):
    for name in ("photo.jpg", "a.safetensors", "b.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "films.toml").write_text(
        '[defaults]\nstyles = "."\ncontent = "photo.jpg"\nweights = "a.safetensors"\n'
        '[[film]]\nbits = 4\noutput = "one.mp4"\n[[film]]\noutput = "two.mp4"\n'
        '[[film]]\nkind = "sweep"\nbits = "8,4"\noutput = "three.mp4"\n'
        'weights = ["a.safetensors", "b.safetensors"]\n'
        '[[film]]\nkind = "sweep"\nbits = "8,4"\noutput = "four.mp4"\n'
    )
    first, second, third, fourth = (
        film.order for film in read_manifest(tmp_path / "films.toml").films
    )
    assert (first.shot.bits, first.shot.weights) == (4, None)
    assert second.shot.weights == tmp_path / "a.safetensors"
    own = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    assert (third.sweep.bits, [*third.sweep.weights]) == ((8, 4), own)
    assert (fourth.sweep.bits, [*fourth.sweep.weights]) == ((8, 4), own[:1])
