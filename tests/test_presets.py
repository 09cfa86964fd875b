"""Presets: what each sets, what wins over it, and what is said where it has no effect."""

import tomllib

import pytest
from click.testing import CliRunner

from medley.cli import cli
from medley.settings import RenderOrder, ShotSettings, read_table
from medley.settings.presets import DEVICE_KINDS, QUALITIES, beneath, kind_named, preset

INPUTS = {"content": "photo.jpg", "styles": "paintings"}


def settled(*words):
    result = CliRunner().invoke(cli, ["render", "--device", "cpu", *words, "--print-config"])
    assert result.exit_code == 0, result.output
    return tomllib.loads(result.stdout), result.stderr


@pytest.mark.parametrize("kind", DEVICE_KINDS)
def test_better_presets_take_longer_and_standard_is_the_defaults(kind):
    assert preset("standard", kind) == {}
    looks = [ShotSettings(**preset(quality, kind)) for quality in QUALITIES]
    effort = [look.pixels * look.steps for look in looks]
    assert effort == sorted(effort)
    assert all(
        set(preset(quality, kind)) <= set(ShotSettings.model_fields) for quality in QUALITIES
    )


def test_preset_sets_what_is_not_given():
    found, _ = settled("--quality", "draft")
    meant = ShotSettings(**preset("draft", "cpu")).model_dump(mode="json")
    assert all(found[name] == meant[name] for name in preset("draft", "cpu"))
    found, _ = settled("--quality", "draft", "--steps", "9")
    assert (found["steps"], found["pixels"]) == (9, preset("draft", "cpu")["pixels"])


def test_option_at_its_default_value_still_wins():
    assert settled("--quality", "draft", "--steps", "120")[0]["steps"] == 120


def test_size_stands_instead_of_a_preset_s_pixels():
    found, _ = settled("--quality", "fine", "--size", "99")
    assert (found["size"], "pixels" in found) == (99, False)
    assert "pixels" not in beneath({"size": 99}, "draft", "cpu")


def test_file_stands_over_a_preset_and_that_is_said(tmp_path):
    path = tmp_path / "film.toml"
    path.write_text('steps = 7\nsize = 99\nquality = "fine"')
    found, said = settled("--config", str(path))
    assert (found["steps"], found["quality"], said) == (7, "fine", "")
    assert found["keep_every"] == preset("fine", "cpu")["keep_every"]
    found, said = settled("--config", str(path), "--quality", "draft")
    assert (found["steps"], found["keep_every"]) == (7, 1)
    assert said == f"note: --quality draft leaves pixels, steps to '{path}'\n"
    assert settled("--config", str(path), "--quality", "draft", "--quiet")[1] == ""


def test_table_takes_a_preset_for_the_kind_of_its_device():
    table = {**INPUTS, "quality": "draft", "steps": 9}
    order = read_table(RenderOrder, table, "'film.toml'")
    assert (order.shot.steps, order.shot.pixels) == (9, preset("draft", "cpu")["pixels"])
    order = read_table(RenderOrder, {**table, "device": "cuda:1"}, "'film.toml'")
    assert order.shot.pixels == preset("draft", "gpu")["pixels"]
    asked = []
    order = read_table(
        RenderOrder, table, "'film.toml'", kind_of=lambda name: asked.append(name) or "gpu"
    )
    assert (order.shot.pixels, asked) == (preset("draft", "gpu")["pixels"], ["auto"])


def test_names_of_devices_tell_their_kind():
    assert [kind_named(name) for name in ("auto", "cpu")] == ["cpu", "cpu"]
    assert [kind_named(name) for name in ("cuda", "cuda:0", "mps")] == ["gpu"] * 3


def test_unknown_preset_is_refused():
    result = CliRunner().invoke(cli, ["render", "--quality", "best"])
    assert result.exit_code == 2
    assert "--quality is 'best'; it must be 'draft', 'standard' or 'fine'" in result.output


def test_presets_are_listed_with_what_they_set():
    result = CliRunner().invoke(cli, ["presets"])
    lines = [line.split() for line in result.output.splitlines()]
    assert [words[:2] for words in lines[1:7]] == [
        [quality, kind] for quality in QUALITIES for kind in DEVICE_KINDS
    ]
    assert lines[3][2:8] == ["384", "x", "384", "120", "auto", "every"]
    assert "The GPU's values are reasoned, not run" in result.output
