import numpy as np
import pytest
from PIL import Image, ImageSequence

from medley.film import webp
from medley.film.webp import CorruptFileError, read_film, write_film

from .conftest import draw_pixels


def write(path, frames, milliseconds=40, quality=95):
    height, width = frames[0].shape[:2]
    write_film(frames, path, width=width, height=height, milliseconds=milliseconds, quality=quality)
    return path


def moving(count, height=31, width=47):
    slopes = np.mgrid[:height, :width].sum(0)[:, :, None] * np.array([3, 2, 1])
    return [(slopes + 9 * shift).clip(0, 255).astype(np.uint8) for shift in range(count)]


def test_pillow_reads_back_every_frame_with_its_time(tmp_path):
    frames = moving(5)
    with Image.open(write(tmp_path / "a.webp", frames)) as film:
        shown = [(np.array(one.convert("RGB")), one.info["duration"])
                 for one in ImageSequence.Iterator(film)]  # fmt: skip
        assert (film.n_frames, film.size, film.info["loop"]) == (5, (47, 31), 0)
    for frame, (pixels, milliseconds) in zip(frames, shown, strict=True):
        assert milliseconds == 40
        assert np.abs(pixels.astype(int) - frame).mean() < 4
    assert read_film(tmp_path / "a.webp") == (47, 31, [40] * 5)


def test_held_frame_costs_hardly_anything_and_counts_still(tmp_path):
    first, second = moving(2)
    held = [first] * 9 + [second.copy() for _ in range(9)]
    write(tmp_path / "held.webp", held)
    write(tmp_path / "two.webp", [first, second])
    sizes = [(tmp_path / name).stat().st_size for name in ("two.webp", "held.webp")]
    assert sizes[1] - sizes[0] < 16 * 80
    with Image.open(tmp_path / "held.webp") as film, Image.open(tmp_path / "two.webp") as two:
        assert film.n_frames == 18
        for number in (8, 17):
            film.seek(number)
            two.seek(number // 9)
            assert np.array_equal(film.convert("RGB"), two.convert("RGB"))


def test_frames_are_taken_a_few_at_a_time(tmp_path, monkeypatch):
    made = 0
    compress = webp._compress

    def frames():
        nonlocal made
        for frame in moving(60, 16, 16):
            made += 1
            yield frame

    def watched(pixels, quality):
        running.append(made)
        return compress(pixels, quality)

    running: list[int] = []
    monkeypatch.setattr(webp, "_compress", watched)
    write_film(frames(), tmp_path / "a.webp", width=16, height=16, milliseconds=40, quality=50)
    assert running[2] < 30


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda data: data[:-9], "not as long as it says"),
        (lambda data: b"RIFX" + data[4:], "no WebP"),
        (lambda data: data.replace(b"VP8X\x0a", b"VP8X\0"), "not animated"),
        (lambda data: data.replace(b"VP8 ", b"XXXX"), "a frame cannot be decoded"),
    ],
)
def test_harmed_film_is_refused(tmp_path, harm, words):
    path = write(tmp_path / "a.webp", moving(4))
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(CorruptFileError, match=words):
        read_film(path)


def test_single_picture_is_no_film(tmp_path):
    Image.fromarray(draw_pixels(20, 20, 1)).save(tmp_path / "a.webp")
    with pytest.raises(CorruptFileError, match="not animated"):
        read_film(tmp_path / "a.webp")
