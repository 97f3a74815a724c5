"""Archives: what is in them, that equal ones are equal, and that they start where there is nothing but Python."""

import base64
import json
import signal
import subprocess
import sys
import time
from io import BytesIO

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from deployments.edge import signing
from deployments.edge.archive import archive_entries, write_archive
from tests.scoring.conftest import free_port

pytestmark = pytest.mark.django_db
light = pytest.mark.usefixtures("few_packages")
ROWS = {"data": [[1.0, 2.0, 3.0, 4.0]]}
ALONE = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}  # nothing of the studio


def run(archive, *options, **variables):
    return subprocess.run(
        [archive / "start.sh", *options], env=ALONE | variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def public_key(archive, tmp_path):
    path = tmp_path / "studio.pub"
    path.write_text(signing.public_key_pem())
    return path


@light
def test_equal_revisions_give_equal_bytes(revision):
    first, second = BytesIO(), BytesIO()
    write_archive(revision, first)
    write_archive(revision, second)

    assert first.getvalue() == second.getvalue()


def test_archive_has_what_the_server_needs_and_nothing_of_the_studio(revision):
    names = {entry.name.removeprefix("flowers-1/") for entry in archive_entries(revision)}

    assert {"bundle/models/iris/1/model.onnx", "library/scoring/__main__.py", "start.sh"} <= names
    assert any(name.startswith("site-packages/onnxruntime/") for name in names)
    assert not any(name.startswith(("site-packages/django/", "site-packages/cryptography/")) for name in names)


@light
def test_signature_is_that_of_the_studio(archive):
    key = load_pem_public_key(signing.public_key_pem().encode())

    key.verify(base64.b64decode((archive / "manifest.sig").read_text()), (archive / "manifest.json").read_bytes())


@light
def test_private_key_is_stored_encrypted(archive):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select private from deployments_signingkey")
        (stored,) = cursor.fetchone()
    assert signing.signing_key().private not in stored


@light
def test_checksums_fit(archive):
    command = ["sha256sum", "-c", "--quiet", "SHA256SUMS"]
    checked = subprocess.run(command, cwd=archive, capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout) == (0, "")


def test_archive_serves_without_the_studio(archive, public_key, tmp_path):
    port = free_port()
    options = ["--port", str(port), "--public-key", public_key, "--work", tmp_path / "work"]
    server = subprocess.Popen([archive / "start.sh", *options], env=ALONE | {"SLIPWAY_KEYS": "sesame"})
    try:
        answer = ask(port, headers={"Authorization": "Bearer sesame"})
        refused = httpx.post(f"http://127.0.0.1:{port}/score", json=ROWS)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)

    assert answer.status_code == 200, answer.text
    assert refused.status_code == 401
    assert not (archive / "work").exists()
    assert not list(archive.rglob("__pycache__"))


def ask(port, seconds=40.0, **more):
    end = time.monotonic() + seconds
    while True:
        try:
            return httpx.post(f"http://127.0.0.1:{port}/score", json=ROWS, **more)
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@light
def test_changed_file_is_refused(archive):
    with (archive / "bundle" / "bundle.json").open("ab") as file:
        file.write(b" ")

    checked = run(archive, "--check")

    assert checked.returncode == 3
    assert "the checksum of bundle/bundle.json does not fit" in checked.stderr


@light
def test_added_file_is_refused(archive):
    (archive / "site-packages" / "sitecustomize.py").write_text("print('hello')")

    checked = run(archive, "--check")

    assert checked.returncode == 3
    assert "site-packages/sitecustomize.py is not in the manifest" in checked.stderr


@light
def test_signature_of_another_studio_is_refused(archive, public_key):
    manifest = json.loads((archive / "manifest.json").read_text())
    (archive / "manifest.json").write_text(json.dumps(manifest | {"service": "weeds"}))

    checked = run(archive, "--check", "--public-key", public_key)

    assert checked.returncode == 3
    assert "The signature of manifest.json does not fit" in checked.stderr


@light
def test_whole_archive_passes_its_check(archive, public_key):
    checked = run(archive, "--check", "--public-key", public_key)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert "flowers, revision 1" in checked.stdout


@light
def test_another_python_is_refused_by_name(archive, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 3.8\n")
    python.chmod(0o755)

    started = run(archive, PYTHON=str(python))

    assert started.returncode == 3
    assert "is Python 3.8" in started.stderr


@light
def test_another_processor_is_refused_by_name(archive):
    manifest = json.loads((archive / "manifest.json").read_text())
    manifest["python"]["machine"] = "riscv64"
    (archive / "manifest.json").write_text(json.dumps(manifest))

    started = run(archive, "--check")

    assert started.returncode == 3
    assert "needs the processor riscv64" in started.stderr


@light
def test_network_without_keys_is_refused(archive):
    started = run(archive, "--host", "0.0.0.0")

    assert started.returncode == 3
    assert "no keys were given" in started.stderr
