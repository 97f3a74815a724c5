"""Steps of an upload, run as a process of its own: `python -m tests.registry.upload_elsewhere VERB`.

The file and the database lie under SLIPWAY_DATA. `begin` announces the file, `go_on` sends what is missing, and
`break:FUNCTION:CALL` does so until SIGKILL ends it after that call of a function of `uploads` or `artifacts`.
"""

import hashlib
import io
import os
import signal
import sys

import django

CHUNK = 512 * 1024  # bytes
CONTENT = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(5 * CHUNK // 32))


def main(verb: str) -> None:
    django.setup()
    from registry.models import Upload

    if verb == "begin":
        begin()
        return
    if verb.startswith("break:"):
        kill_after(*verb.split(":")[1:])
    send(Upload.objects.get())


def begin() -> None:
    from django.core.management import call_command

    from registry.store import uploads
    from studio.accounts.models import User, Workspace

    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.create(slug="vision", name="Vision")
    uploads.begin(workspace, User.objects.create_user("bob"), "weights.bin", len(CONTENT))


def send(upload) -> None:
    """Send the bytes after the offset that the studio reports; prints the digest."""
    from registry.store import uploads

    sys.stdout.write(f"received {upload.received}\n")
    sys.stdout.flush()
    while upload.received < upload.size:
        end = upload.received + CHUNK
        uploads.append(upload, upload.received, io.BytesIO(CONTENT[upload.received : end]))
    sys.stdout.write(f"digest {uploads.complete(upload, hashlib.sha256(CONTENT).hexdigest()).artifact_id}\n")


def kill_after(name: str, call: str) -> None:
    """End this process, as by `kill -9`, when `name` has returned that often."""
    from registry.store import artifacts, uploads

    module = uploads if hasattr(uploads, name) else artifacts
    left, real = [int(call)], getattr(module, name)

    def replacement(*arguments, **options):
        answer = real(*arguments, **options)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(module, name, replacement)


if __name__ == "__main__":
    main(sys.argv[1])
