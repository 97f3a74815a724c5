"""Tiny wheels, so that environments can be installed without a package index."""

import base64
import hashlib
import zipfile
from pathlib import Path

from registry.environments import runtime as scoring_server


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    needs: tuple[str, ...] = (),
    code: str = "",
    tag: str = "py3-none-any",
) -> Path:
    """A pure-Python wheel of one module; `needs` are its requirements."""
    folder.mkdir(parents=True, exist_ok=True)
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {one}\n" for one in needs)
    files = {
        f"{module}.py": code or f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def serve_wheels(tmp_path: Path, settings, monkeypatch, *, runtime: str = "") -> Path:
    """A folder of wheels in place of the index; `runtime` is the scoring server's requirement."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / "runtime.txt").write_text(runtime)
    settings.DATA_DIR = tmp_path / "data"
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS": str(folder), "OFFLINE": True}
    monkeypatch.setattr(scoring_server, "RUNTIME_FILE", folder / "runtime.txt")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
