"""Image files: every format and mode becomes the same brightness, and what cannot be read gives one line."""

import errno
import os
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dwindle.errors import UserError
from dwindle.infer.images.image_file import ORIENTATION_TAG, image_files, picture_of, read_picture


def a_picture(width=150, height=120) -> Image.Image:
    """White, with a dark bar in its upper left."""
    pixels = np.full((height, width), 255, np.uint8)
    pixels[20:40, 10:60] = 30
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM"])
def test_formats(tmp_path, kind):
    path = tmp_path / "image"
    a_picture().save(path, kind)
    found = read_picture(path)
    assert found.brightness.shape == (120, 150) and found.pixels_per_source == 1
    assert found.brightness[30, 30] < 0.2 and found.brightness[100, 100] > 0.95


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LA", "RGBA"])
def test_modes(mode):
    brightness = picture_of(a_picture().convert(mode)).brightness
    assert brightness[30, 30] < 0.25 and brightness[100, 100] > 0.95


def test_sixteen_bits(tmp_path):
    deep = np.asarray(a_picture()).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.allclose(read_picture(tmp_path / "deep.png").brightness, np.asarray(a_picture()) / 255, atol=0.01)


@pytest.mark.parametrize(("full", "clear"), [(65_535, 0), (65_535, 1), (65_535, 65_535), (1_020, 1)])
def test_sixteen_bits_of_which_one_level_is_transparent(tmp_path, clear, full):
    """A regression: all was cut off at 255 of 65,535, and white."""
    deep = np.round(np.asarray(a_picture()).astype(float) * full / 255).astype(np.uint16)
    deep[90:] = clear
    Image.fromarray(deep).save(tmp_path / "deep.png", transparency=clear)
    brightness = read_picture(tmp_path / "deep.png").brightness
    assert np.allclose(brightness[:90], np.asarray(a_picture())[:90] / 255, atol=0.01)
    assert (brightness[90:] == (clear == full)).all()  # white where all that is seen is ink


@pytest.mark.parametrize(
    "kind", [*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float64"]
)
def test_arrays_of_any_numbers(kind):
    """A regression: 64-bit whole numbers raised what Pillow says."""
    expected = np.minimum(np.asarray(a_picture()), 127)
    brightness = picture_of(expected.astype(kind)).brightness
    assert np.allclose(brightness / brightness.max(), expected / 127, atol=0.01)
    if kind.startswith("float"):
        assert np.allclose(picture_of((expected / 255).astype(kind)).brightness, expected / 255, atol=0.01)


@pytest.mark.parametrize("values", [np.zeros((0, 5)), np.zeros(5), np.zeros((5, 5, 7)), np.full((5, 5), "a")])
def test_arrays_that_are_no_picture(values):
    with pytest.raises(UserError, match=r"is no picture: give brightness as \(rows, columns\)"):
        picture_of(values)


@pytest.mark.parametrize(("ink", "paper_is_light"), [(0, True), (255, False)])
def test_transparent_paper(ink, paper_is_light):
    stroke = Image.fromarray(255 - np.asarray(a_picture()))
    picture = Image.new("LA", stroke.size, (ink, 0))
    picture.putalpha(stroke)
    brightness = picture_of(picture).brightness
    assert (brightness[100, 100] > brightness[30, 30]) == paper_is_light


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.T),
        (6, lambda a: np.rot90(a)),
        (7, lambda a: a[::-1, ::-1].T),
        (8, lambda a: np.rot90(a, -1)),
    ],
)
def test_turned_as_the_camera_was(tmp_path, orientation, stored):
    upright = np.asarray(a_picture())
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    Image.fromarray(np.ascontiguousarray(stored(upright))).save(tmp_path / "a.png", exif=exif)
    assert np.allclose(read_picture(tmp_path / "a.png").brightness, upright / 255, atol=0.01)


def test_large_images_are_scaled_down_and_small_ones_up(tmp_path):
    a_picture().resize((3000, 2400)).save(tmp_path / "large.jpg")
    large = read_picture(tmp_path / "large.jpg")
    assert large.brightness.size <= 1_100_000 and large.pixels_per_source == pytest.approx(0.372, rel=0.01)
    small = picture_of(a_picture(10, 8))
    assert min(small.brightness.shape) == 112 and small.pixels_per_source == 14


def png_of(width: int, height: int) -> bytes:
    """A valid PNG of one bit a pixel that claims to be so large, in a few bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the file is empty"),
        (b"no image at all", "not an image"),
        (png_of(10_000, 10_000), "more than the 64,000,000"),
        (png_of(60_000, 60_000), "more than the 64,000,000"),
        (png_of(2**31 - 1, 2), "more than the 64,000,000"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "image"),
    ],
)
def test_what_is_no_image_gives_one_line(tmp_path, content, line):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match=line) as refused:
        read_picture(tmp_path / "a.png")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_truncated(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    packed = BytesIO()
    Image.fromarray(noise).save(packed, kind)
    (tmp_path / "a").write_bytes(packed.getvalue()[: len(packed.getvalue()) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_picture(tmp_path / "a")


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(IsADirectoryError):
        read_picture(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]))
def test_damage_anywhere_is_one_line_or_a_picture(tmp_path_factory, damage, place, kind):
    packed = BytesIO()
    a_picture(30, 30).save(packed, kind)
    content = bytearray(packed.getvalue())
    content[place : place + len(damage)] = damage
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(content)
    try:
        brightness = read_picture(path).brightness
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert brightness.min() >= 0 and brightness.max() <= 1


def test_images_of_a_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.PNG", "a.jpeg", "inner/c.webp", ".hidden/d.png", ".e.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in image_files(tmp_path)] == ["a.jpeg", "b.PNG", "c.webp"]


def test_a_folder_within_that_may_not_be_read_is_not_passed_over(tmp_path, monkeypatch):
    """A regression. The tests may run as root, who may read all: so the folder's refusal is put in its place."""
    for name in ("inner", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "a.png").write_bytes(b"x")
    scandir, closed = os.scandir, ".hidden"

    def refusing(path):
        if os.path.basename(path) == closed:  # noqa: PTH119
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [path.name for path in image_files(tmp_path)] == ["a.png"]
    closed = "inner"
    with pytest.raises(PermissionError):
        list(image_files(tmp_path))
