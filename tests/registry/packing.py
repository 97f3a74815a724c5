"""Archives for tests: zip and tar as bytes, valid or malicious."""

import io
import tarfile
import zipfile


def zipped(members: dict[str, bytes], *, modes: dict[str, int] | None = None) -> bytes:
    """A zip of these members; `modes` are Unix modes of some."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (modes or {}).get(name, 0) << 16
            archive.writestr(entry, content)
    return out.getvalue()


def tarred(members: dict[str, bytes], mode="w:gz", format=tarfile.GNU_FORMAT, **attributes) -> bytes:
    """A tar of these members; `attributes` are set on every entry: `type=tarfile.SYMTYPE`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in attributes.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
