"""Uploads whose process is killed."""

import hashlib
import signal

from tests.registry.upload_elsewhere import CHUNK, CONTENT
from tests.registry.worker_processes import SECONDS, ended, workers

PLACES = [
    "_write_chunk:2",  # the second chunk is written, and not accepted
    "_note:2",  # two chunks more are accepted; the client has not heard of the second
    "_place:1",  # the artifact has its name, and no row
    "_note:1",  # it has its row, and the part is still there
]


def test_upload_killed_anywhere_resumes_and_has_the_right_digest(tmp_path):
    with workers("tests.registry.upload_elsewhere", tmp_path / "shared", tmp_path) as start:
        ended(start("begin"))
        stood_at = []
        for place in PLACES:
            killed = start(f"break:{place}")
            output, _ = killed.communicate(timeout=SECONDS)
            assert killed.returncode == -signal.SIGKILL, output
            stood_at.append(int(output.split()[1]))
        last = ended(start("go_on")).split()

    assert stood_at == [0, CHUNK, 3 * CHUNK, 5 * CHUNK]
    assert last == ["received", str(5 * CHUNK), "digest", hashlib.sha256(CONTENT).hexdigest()]
