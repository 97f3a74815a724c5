"""Django's static files gain `bundles/app.css` and `bundles/app.js`, made of the files below static/."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

from studio.assets.modules import bundle

# In the order of the cascade.
STYLES = ("tokens", "base", "layout", "components/*", "utilities")


class BundleFinder(BaseFinder):
    """Makes the bundles when they are looked for, in a folder of the data folder."""

    def __init__(self, app_names: Any = None, *args: Any, **kwargs: Any) -> None:
        self._sources = Path(settings.BASE_DIR) / "static"
        self._storage = FileSystemStorage(location=settings.DATA_DIR / "assets")

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        made = self._make().get(path)
        found = [str(made)] if made else []
        return found[0] if found and not find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, FileSystemStorage]]:
        return [(path, self._storage) for path in self._make()]

    def _make(self) -> dict[str, Path]:
        contents = {"bundles/app.css": self._style(), "bundles/app.js": bundle(self._sources / "js" / "app.js")}
        return {path: self._write(path, content) for path, content in contents.items()}

    def _style(self) -> str:
        folder = self._sources / "css"
        return "\n".join(
            sheet.read_text(encoding="utf-8") for pattern in STYLES for sheet in sorted(folder.glob(f"{pattern}.css"))
        )

    def _write(self, path: str, content: str) -> Path:
        """Replaced whole, and only if it differs: several processes make the same bundles."""
        place = Path(self._storage.path(path))
        if not place.exists() or place.read_text(encoding="utf-8") != content:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_suffix(f".{id(self):x}.draft")
            draft.write_text(content, encoding="utf-8")
            draft.replace(place)
        return place
