"""Static files as a started studio serves them."""

import gzip
import json
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from whitenoise.middleware import WhiteNoiseMiddleware

from studio.assets.collect import collect_if_changed

HASHED = {"staticfiles": {"BACKEND": "studio.assets.storage.HashedStorage"}}


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "page.css").write_text("body { margin: 0; }\n" * 100)
    return folder


@pytest.fixture
def collected(settings, tmp_path, sources):
    """STATIC_ROOT after a first start, with `sources` as the only static files."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [sources]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = {**settings.STORAGES, **HASHED}
    settings.WHITENOISE_USE_FINDERS = False
    finders.get_finder.cache_clear()
    collect_if_changed()
    yield settings.STATIC_ROOT
    finders.get_finder.cache_clear()


def hashed_name(root):
    return json.loads((root / "staticfiles.json").read_text())["paths"]["page.css"]


def test_file_is_served_for_good_under_a_name_with_its_hash(collected, rf):
    serve = WhiteNoiseMiddleware(lambda request: None)

    answer = serve(rf.get(f"/static/{hashed_name(collected)}", headers={"accept-encoding": "gzip"}))

    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(b"".join(answer.streaming_content)).startswith(b"body { margin: 0; }")


def test_unchanged_files_are_not_collected_again(collected):
    written = (collected / "staticfiles.json").stat().st_mtime_ns

    assert collect_if_changed() is False
    assert (collected / "staticfiles.json").stat().st_mtime_ns == written


def test_changed_file_gets_a_new_name_and_the_old_one_goes(collected, sources):
    before = hashed_name(collected)
    (sources / "page.css").write_text("body { margin: 1px; }")

    assert collect_if_changed() is True
    assert hashed_name(collected) != before
    assert not (collected / before).exists()


def test_collection_that_was_cut_off_is_made_again(collected):
    Path(collected / hashed_name(collected)).unlink()
    (collected / "sources.sha256").unlink()

    assert collect_if_changed() is True
    assert (collected / hashed_name(collected)).exists()
