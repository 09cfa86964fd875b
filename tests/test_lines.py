"""Lines of keys are found, whatever stands between them."""

import tomllib

import pytest

from medley.settings.lines import key_lines


def test_every_key_is_found_in_its_table():
    text = (
        "\ntop = 1\n[defaults]\nsize = 2\n\n"
        '[[film]]\n# a note\nbits = 3\n  [[film]]  # two\nb="]"\n'
    )
    assert key_lines(text) == {
        ("", 0, "top"): 2,
        ("defaults", 1, ""): 3,
        ("defaults", 1, "size"): 4,
        ("film", 1, ""): 6,
        ("film", 1, "bits"): 8,
        ("film", 2, ""): 9,
        ("film", 2, "b"): 10,
    }


def test_texts_and_lists_over_many_lines_hold_no_keys():
    text = (
        'a = """\nb = 1\n[c]\n\\""" d = 2\n"""\n'
        "e = '''\nf = 1\n'''\n"
        "g = [  # [[\n  'h = [',\n  { i = 1 },\n]\n"
        '"quoted key" = "\\"x = [ \'"\n'
        "dotted . key = 1\n"
    )
    tomllib.loads(text)
    lines = key_lines(text)
    assert {key: line for (_, _, key), line in lines.items()} == {
        "a": 1,
        "e": 6,
        "g": 9,
        "quoted key": 13,
        "dotted": 14,
    }


def test_lists_whose_items_look_like_keys_and_tables_are_passed_over():
    text = "a = [\n  'x=y.jpg',\n  # b = 1\n[1], [[2]],\n\n{ c = 3 }, ]\n# d = 4\n\ne = 5 # [f]\n"
    tomllib.loads(text)
    assert key_lines(text) == {("", 0, "a"): 1, ("", 0, "e"): 9}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_of_other_systems_count_once(ending):
    assert key_lines(ending.join(["a = 1", "b = 2"]))["", 0, "b"] == 2


def test_a_table_written_in_pieces_is_one_table():
    lines = key_lines("[film.a]\nx = 1\n[film.b]\ny = 2\n")
    assert lines["film", 1, "y"] == 4
