"""The page that runs a network in a browser: its parts are written, it paints as medley does."""

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medley.images import decode
from medley.stylenet import netfile
from medley.stylenet.apply import Painter
from medley.stylenet.netfile import StyleName
from medley.stylenet.network import make_network

from .browser import chromium, find_chromium
from .conftest import draw_pixels
from .test_export import networks

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "live_page"
MODULE = b"const a=import.meta.url,b=1;export{a as env,b as default};\n"
RATE = r"^(\d+) × (\d+), ([\d.]+) frames a second$"


def load_script():
    loader = SourceFileLoader("live_page", str(SCRIPT))
    module = module_from_spec(spec_from_loader("live_page", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def script():
    return load_script()


def write_net(path, names=("glass", "own <b>work</b>", "impasto")):
    network = networks(len(names))
    netfile.write(path, network.to_file([StyleName(name, name=name) for name in names], {}))
    return path


def run(script, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["live_page", *map(str, words)])
    return script.main()


def archive(script, path, monkeypatch):
    """An archive with files of the right names, which the script takes for the right one."""
    with tarfile.open(path, "w:gz") as tar:
        for module, wasm in script.RUNTIMES.values():
            for name, data in ((module, MODULE), (wasm, b"\0asm")):
                entry = tarfile.TarInfo(f"package/dist/{name}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    monkeypatch.setattr(script, "SHA512", hashlib.sha512(path.read_bytes()).hexdigest())
    return path


def value_of(path):
    """What a script of the page names."""
    return json.loads(path.read_text().split(" = ", 1)[1].rstrip(";\n"))


def test_all_parts_are_written_beside_the_page(script, monkeypatch, tmp_path, capsys):
    net, page = write_net(tmp_path / "net.safetensors"), tmp_path / "page"
    runtime = archive(script, tmp_path / "ort.tgz", monkeypatch)
    assert run(script, monkeypatch, net, "--runtime", runtime, "--folder", page) == 0
    assert (page / "index.html").as_uri() in capsys.readouterr().out
    wanted = {*script.FILES, "network.js", "runtime-wasm.js", "runtime-webgpu.js"}
    assert {path.name for path in page.iterdir()} == wanted
    network = value_of(page / "network.js")
    assert [each["name"] for each in network["paintings"]] == [
        "glass",
        "own <b>work</b>",
        "impasto",
    ]
    pictures = [each["picture"] for each in network["paintings"]]
    assert pictures[0] and pictures[2] and not pictures[1]  # only of those that ship
    parts = value_of(page / "runtime-wasm.js")
    made = gzip.decompress(base64.b64decode(parts["script"])).decode()
    assert made.startswith("self.ort=(()=>{const a=") and "return{env:a,default:b}" in made
    assert "import.meta" not in made and "export" not in made


def test_runtime_that_is_there_is_not_fetched_again_and_another_version_is(
    script, monkeypatch, tmp_path
):
    net, page = write_net(tmp_path / "net.safetensors"), tmp_path / "page"
    runtime = archive(script, tmp_path / "ort.tgz", monkeypatch)
    words = (net, "--runtime", runtime, "--folder", page)
    assert run(script, monkeypatch, *words) == 0
    whole = (page / "runtime-wasm.js").read_bytes()
    runtime.rename(tmp_path / "away.tgz")
    assert run(script, monkeypatch, *words) == 0
    (page / "runtime-wasm.js").write_bytes(b"// onnxruntime-web 0.1\n")
    assert run(script, monkeypatch, *words) == 1
    (tmp_path / "away.tgz").rename(runtime)
    assert run(script, monkeypatch, *words) == 0
    assert (page / "runtime-wasm.js").read_bytes() == whole


@pytest.mark.parametrize(
    "words, said",
    [
        (["no.safetensors"], "no.safetensors'; check its name"),
        (["photo.png"], "photo.png' is no style network"),
        (["net.safetensors", "--runtime", "no.tgz"], "'no.tgz' cannot be read (No such file"),
        (["net.safetensors", "--runtime", "photo.png"], "'photo.png' is not onnxruntime-web 1."),
        (["net.safetensors"], "there is no npm to fetch onnxruntime-web; install Node.js, or"),
    ],
)  # fmt: skip
def test_what_is_no_part_is_refused_in_one_line_and_nothing_is_written(
    script, monkeypatch, make_picture, tmp_path, capsys, words, said
):
    write_net(tmp_path / "net.safetensors")
    make_picture()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(script, monkeypatch, *words, "--folder", "page") == 1
    error = capsys.readouterr().err
    assert error.startswith("live_page: ") and said in error and error.count("\n") == 1
    assert not (tmp_path / "page").exists()


def test_without_a_network_that_of_most_paintings_that_ships_is_taken(script, tmp_path):
    with pytest.raises(script.PageError, match=r"no network ships in .*; name one"):
        script.shipped_network(tmp_path)
    write_net(tmp_path / "glass.safetensors", ["glass"])
    many = write_net(tmp_path / "many.safetensors")
    write_net(tmp_path / "zebra.safetensors", ["zebra"])
    assert script.shipped_network(tmp_path) == many


def test_fault_of_npm_is_told_in_one_line(script, monkeypatch, tmp_path, capsys):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho npm error code ENOTFOUND >&2\necho more >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    net = write_net(tmp_path / "net.safetensors")
    assert run(script, monkeypatch, net, "--folder", tmp_path / "page") == 1
    error = capsys.readouterr().err
    assert "(npm error code ENOTFOUND); try again, or name its archive" in error
    assert error.count("\n") == 1 and not (tmp_path / "page").exists()


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory):
    """The page with onnxruntime-web as npm brings it."""
    if find_chromium() is None:
        pytest.skip("there is no Chromium; 'apt-get install chromium' brings it")
    if shutil.which("npm") is None:
        pytest.skip("there is no npm; 'apt-get install npm' brings it")
    folder = tmp_path_factory.mktemp("page")
    net = write_net(folder / "net.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        assert run(load_script(), patch, net, "--folder", folder) == 0
    return folder


@pytest.fixture
def page(page_folder):
    """The page, opened as a file."""
    with chromium(find_chromium()) as opened:
        opened.call("Page.navigate", url=(page_folder / "index.html").as_uri())
        opened.wait_for("document.readyState === 'complete'")
        yield opened
        addresses = opened.addresses()
        assert addresses and all(re.match("(file|blob|data):", each) for each in addresses)


def text_of(page, name):
    return page.evaluate(f"document.getElementById('{name}').textContent")


@pytest.mark.network
@pytest.mark.parametrize("height, width", [(97, 130), (5, 3)])
def test_picture_that_the_page_saves_is_medleys_own(page, page_folder, tmp_path, height, width):
    photo = draw_pixels(height, width, seed=3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.evaluate("document.getElementById('other').click()")
    page.evaluate("document.querySelectorAll('#paintings button')[2].click()")
    page.evaluate("share = document.getElementById('share'); share.value = 40; share.oninput()")
    page.choose_file("#file", tmp_path / "photo.png")
    page.wait_for("!document.getElementById('save').disabled")
    assert re.match(rf"{width} × {height}, \d+ ms$", text_of(page, "rate"))
    page.evaluate("document.getElementById('save').click()")
    saved = tmp_path / "medley-glass-impasto.png"
    for _ in range(100):
        if saved.exists():
            break
        time.sleep(0.1)
    network = make_network(netfile.read(page_folder / "net.safetensors"))
    with torch.inference_mode():
        own = Painter(network, [0.6, 0, 0.4]).repaint(photo).pixels()
    apart = np.abs(decode(saved).astype(int) - own)
    assert apart.shape == photo.shape
    assert apart.max() <= 2 and apart.mean() < 0.1


@pytest.mark.network
def test_camera_and_drift_show_the_rate_of_their_frames(page):
    page.evaluate("document.getElementById('size').value = 320")
    page.evaluate("document.getElementById('camera').click()")
    page.evaluate("document.getElementById('drift').click()")
    text = page.wait_for("document.getElementById('rate').textContent")
    width, height, _ = re.match(RATE, text).groups()
    assert (width, height) == ("320", "240")
    counted = "[view.shown, performance.now()]"
    (first, began), _, (last, ended) = page.evaluate(counted), time.sleep(4), page.evaluate(counted)
    page.evaluate("document.getElementById('drift').click()")
    rate = float(re.match(RATE, text_of(page, "rate"))[3])
    assert last > first
    assert 0.3 < rate / (1000 * (last - first) / (ended - began)) < 3
    page.evaluate("document.getElementById('camera').click()")
    page.wait_for("!view.fresh && runtime.workers.every(({ busy }) => !busy)")
    count = page.evaluate("view.shown")
    page.evaluate("document.querySelectorAll('#paintings button')[2].click()")
    page.wait_for(f"view.shown > {count}")  # its last frame has become a photo
    assert text_of(page, "rate").endswith(" ms")


@pytest.mark.network
def test_what_is_no_picture_is_named_and_the_page_goes_on(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    page.choose_file("#file", tmp_path / "notes.txt")
    told = page.wait_for("document.getElementById('told').textContent")
    assert told == "‘notes.txt’ is no picture that this browser reads."
    assert page.evaluate("document.querySelectorAll('#paintings b').length") == 0
    Image.fromarray(draw_pixels(40, 50, seed=1)).save(tmp_path / "photo.png")
    page.choose_file("#file", tmp_path / "photo.png")
    page.wait_for("!document.getElementById('save').disabled")
    assert text_of(page, "told") == ""


GIVE = """(async () => {
  const data = new DataTransfer();
  const picture = new OffscreenCanvas(WIDTH, 30);
  picture.getContext("2d");
  data.items.add(new File([await picture.convertToBlob()], "photo.png", { type: "image/png" }));
  dispatchEvent(EVENT);
})()"""
DROP = 'new DragEvent("drop", { dataTransfer: data })'
PASTE = 'new ClipboardEvent("paste", { clipboardData: data })'


@pytest.mark.network
def test_photo_may_be_dropped_or_pasted_and_is_laid_on_white(page):
    for event, width in ((DROP, 40), (PASTE, 50)):
        page.evaluate(GIVE.replace("EVENT", event).replace("WIDTH", str(width)))
        page.wait_for(f"document.getElementById('rate').textContent.startsWith('{width} × 30,')")
        assert page.evaluate("[...frameContext.getImageData(0, 0, 1, 1).data]") == [255] * 4


@pytest.mark.network
def test_page_without_its_parts_says_what_writes_them(page_folder, tmp_path):
    for name in ("index.html", "live.css", "live.js", "network.js"):
        (tmp_path / name).write_bytes((page_folder / name).read_bytes())
    with chromium(find_chromium()) as page:
        address = (tmp_path / "index.html").as_uri()
        page.call("Page.navigate", url=address)
        told = page.wait_for("document.getElementById('told')?.textContent")
        assert told == "runtime-wasm.js is missing; run scripts/live_page"
        (tmp_path / "network.js").unlink()
        page.call("Page.navigate", url=address + "?")
        told = page.wait_for("document.getElementById('told')?.textContent")
        assert told.startswith("network.js is missing; run scripts/live_page")
