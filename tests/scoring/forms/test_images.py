"""/score with images and multipart forms of images."""

import io
import select
import struct
import time
import zlib
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.core.tensors import Tensor
from scoring.forms.images import Images
from tests.scoring.conftest import double_model, request_bytes
from tests.scoring.form_models import message_of, same_model, send, services


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with services(
        tmp_path_factory,
        double=double_model,
        colour=same_model("float", ["n", 3, 2, 4]),
        grey=same_model("uint8", ["n", "height", "width", 1]),
    ) as made:
        yield made


def picture(colour=(255, 0, 51), size=(4, 2), form="PNG", mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, form)
    return file.getvalue()


def test_image_becomes_channels_from_zero_to_one(servers):
    answer = send(servers["colour"], picture(), "image/png")
    values = np.array(answer.json()["data"])
    assert values.shape == (1, 3, 2, 4)
    np.testing.assert_allclose(values[0].reshape(3, -1), np.repeat([[1.0], [0.0], [0.2]], 8, 1), atol=1e-6)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_images_of_any_size_and_format_are_resized(servers, form):
    answer = send(servers["colour"], picture(size=(50, 31), form=form), f"image/{form.lower()}")
    values = np.array(answer.json()["data"])
    np.testing.assert_allclose(values[0].reshape(3, -1), np.repeat([[1.0], [0.0], [0.2]], 8, 1), atol=0.02)


def saved(drawn, form="TIFF", **more):
    file = io.BytesIO()
    (drawn if isinstance(drawn, Image.Image) else Image.fromarray(drawn)).save(file, form, **more)
    return file.getvalue()


def grey(value, dtype):
    return np.full((2, 4), value, dtype)


def colours_of_16_bits(value):
    """A PNG of colours, which Pillow itself cannot write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">12H", *[value] * 12)) * 2
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


WHITE_IS_ZERO, UPRIGHT_BY_A_QUARTER = {262: 0}, {274: 6}


@pytest.mark.parametrize(
    ("body", "right", "tolerance"),
    [
        (saved(grey(20000, np.uint16), "PNG"), 20000 / 65535, 1e-6),
        (saved(grey(100, np.uint16), "PNG"), 100 / 65535, 1e-6),
        (saved(grey(65535, np.uint16), "PNG"), 1, 1e-6),
        (saved(grey(20000, np.uint16)), 20000 / 65535, 1e-6),
        (saved(Image.new("I;16B", (4, 2), 20000)), 20000 / 65535, 1e-6),
        (saved(grey(20000, np.uint16), tiffinfo=WHITE_IS_ZERO), 1 - 20000 / 65535, 1e-6),
        (saved(grey(0.25, np.float32)), 0.25, 1e-6),
        (colours_of_16_bits(20000), 20000 / 65535, 1 / 255),
        (saved(Image.new("1", (4, 2), 1), "PNG"), 1, 1e-6),
        (saved(Image.new("LA", (4, 2), (51, 0)), "PNG"), 0.2, 1e-6),
        (saved(Image.new("CMYK", (4, 2), (0, 0, 0, 204))), 0.2, 1e-6),
    ],
)
def test_greyscale_of_every_depth_is_scaled_to_its_white(servers, body, right, tolerance):
    answer = send(servers["colour"], body, "image/*")
    np.testing.assert_allclose(np.array(answer.json()["data"]), np.full((1, 3, 2, 4), right), atol=tolerance)


def test_image_of_16_bits_is_reduced_to_bytes_for_integer_inputs(servers):
    answer = servers["grey"].client.post("/score", files={"a": ("a.png", saved(grey(20000, np.uint16), "PNG"))})
    assert answer.json()["data"] == [[[[78]] * 4] * 2]


def test_orientation_is_applied_to_images_of_16_bits(servers):
    drawn = np.arange(8, dtype=np.uint16).reshape(2, 4) * 257
    answer = send(servers["grey"], saved(drawn, tiffinfo=UPRIGHT_BY_A_QUARTER), "image/tiff")
    assert np.array_equal(np.array(answer.json()["data"])[0, :, :, 0], np.rot90(drawn // 257, -1))


@pytest.mark.parametrize(
    "body",
    [
        saved(grey(20000, np.int32)),
        saved(grey(128, np.float32)),
        saved(grey(-0.5, np.float32)),
        saved(grey(np.nan, np.float32)),
        saved(grey(5, np.uint8), tiffinfo={339: 2}),
    ],
)
def test_image_whose_range_is_unknown_is_refused(servers, body):
    told = message_of(send(servers["colour"], body, "image/tiff"))
    assert "16 bits a channel" in told


def test_refusal_of_an_image_names_no_python_objects(servers):
    assert "0x" not in message_of(send(servers["colour"], b"hello", "image/png"))


def test_image_is_laid_out_by_row_and_column(servers):
    drawn = np.zeros((2, 3), np.uint8)
    drawn[0, 2] = 200
    file = io.BytesIO()
    Image.fromarray(drawn).save(file, "PNG")
    answer = send(servers["grey"], file.getvalue(), "image/png")
    assert answer.json() == {"data": [[[[0], [0], [200]], [[0], [0], [0]]]]}


def test_files_of_a_multipart_form_become_rows(servers):
    files = [("a", ("a.png", picture((255, 255, 255)), "image/png")), ("b", ("b.jpg", picture((0, 0, 0), form="JPEG")))]
    answer = servers["colour"].client.post("/score", files=files, data={"note": "no file"})
    means = np.array(answer.json()["data"]).mean(axis=(1, 2, 3))
    assert means.tolist() == [1.0, 0.0]


def test_file_in_a_multipart_form_is_read_unchanged(servers):
    drawn = np.frombuffer(b"\r\n--\n\r\0\xff\r\r\n\n" * 40, np.uint8).reshape(20, 24)
    file = io.BytesIO()
    Image.fromarray(drawn).save(file, "BMP")
    answer = servers["grey"].client.post("/score", files={"image": ("x.bmp", file.getvalue(), "image/bmp")})
    assert np.array_equal(np.array(answer.json()["data"])[0, :, :, 0], drawn)


def bomb():
    head = (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 9000, 9000, 1, 24, 0, 0, 0, 0, 0, 0)
    )
    return head + bytes(100)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "no image"),
        (b"hello", "no image"),
        (picture()[:40], "no image"),
        (b"<svg/>", "none of them"),
        (bomb(), "large"),
    ],
)
def test_body_that_is_no_image_is_refused(servers, body, word):
    assert word in message_of(send(servers["colour"], body, "image/png"))


@pytest.mark.parametrize(
    ("content_type", "body", "word"),
    [
        ("multipart/form-data", b"--x--", "multipart"),
        ("multipart/form-data; boundary=x", b"", "multipart"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhello\r\n", "multipart"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n5\r\n--x--",
            "no file",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\ncontent-disposition: form-data; name=a; filename=b\r\n\r\nhello\r\n--x--",
            "no image",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\ncontent-disposition: form-data; name=a; filename*=zz''%ff\r\ncontent-type: ;;=\r\n\r\n5\r\n--x--",
            "no image",
        ),
    ],
)
def test_malformed_multipart_form_is_refused(servers, content_type, body, word):
    assert word in message_of(send(servers["colour"], body, content_type))


def test_images_of_different_sizes_are_refused_without_a_fixed_size(servers):
    files = [("a", ("a.png", picture(size=(3, 2)))), ("b", ("b.png", picture(size=(2, 3))))]
    assert "different sizes" in message_of(servers["grey"].client.post("/score", files=files))


def test_pixel_limit_holds_for_all_images_of_a_form(servers):
    files = [("file", (name, picture(7, (6000, 6000), mode="L"), "image/png")) for name in ("a.png", "b.png")]
    assert "64000000 pixels" in message_of(servers["colour"].client.post("/score", files=files))


def test_pixel_limit_counts_enlarged_images():
    form = Images(
        SimpleNamespace(
            required_inputs={"x": Tensor("x", "UINT8", (-1, 3000, 3000, 1))}, output_names=("y",), outputs={}
        )
    )
    sent = httpx.Request("POST", "http://test/score", files=[("file", ("a.png", picture(7, (1, 1), mode="L")))] * 9)
    request = Request(None, b"POST", b"/score", {b"content-type": sent.headers["content-type"].encode()})
    request.body = sent.read()
    with pytest.raises(ScoringError, match="64000000 pixels"):
        form.decode(request)


def test_missing_image_library_is_named_in_the_refusal(replica, tmp_path, monkeypatch):
    for name in ("PIL", "pyarrow"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    replica.with_models(colour=same_model("float", ["n", 3, 2, 4])).start()
    assert "add pillow" in message_of(send(replica, picture(), "image/png"), 415)
    assert "add pyarrow" in message_of(send(replica, b"", "application/vnd.apache.arrow.stream"), 415)


def test_model_without_an_image_input_refuses_images(servers):
    assert "takes no images" in message_of(send(servers["double"], picture(), "image/png"), 415)


def test_slow_image_does_not_delay_other_requests(replica):
    replica.with_models(grey=same_model("uint8", ["n", "height", "width", 1])).start(processes=1)
    huge = picture(colour=7, size=(7000, 7000), mode="L")
    assert len(huge) < 200_000
    with replica.connect() as slow:
        slow.sendall(request_bytes(huge, "/score", "Content-Type: image/png"))
        time.sleep(0.05)
        assert replica.score({"data": [[[[1]]]]}).status_code == 200
        answered, _, _ = select.select([slow], [], [], 0)
        assert not answered, "the picture was read before another request was answered"
