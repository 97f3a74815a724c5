"""An entry script on the command line: the files beside it, and the packages that it needs."""

from dataclasses import dataclass
from pathlib import Path

from slipway import folders, text_files
from slipway.errors import Misuse


@dataclass(frozen=True)
class Script:
    """The options that make an inference config on the way."""

    entry_script: str
    source_dir: Path | None = None
    requirements: Path | None = None
    environment: str = ""
    python_version: str = ""

    def files(self) -> dict[str, Path]:
        """What goes into the config, by path. Raises `Misuse` when the entry script is not there."""
        if self.source_dir is None:
            script = Path(self.entry_script)
            found = {script.name: script}
        else:
            found = self._beside_the_script(self.source_dir)
        if self.entry not in found or not found[self.entry].is_file():
            raise Misuse(
                f"There is no entry script {self.entry_script}.",
                hint="Its path is relative to --source-dir, where that is given.",
            )
        return found

    @staticmethod
    def _beside_the_script(folder: Path) -> dict[str, Path]:
        if not folder.is_dir():
            raise Misuse(f"There is no folder {folder}.")
        return folders.files_below(folder, folders.NOT_SOURCE)

    @property
    def entry(self) -> str:
        """The entry script's path in the config."""
        path = Path(self.entry_script)
        return path.as_posix() if self.source_dir else path.name

    def lines(self) -> list[str]:
        """The lines of the requirements file, as they are: the studio reads them, and tells them by their numbers."""
        return text_files.read(self.requirements).split("\n") if self.requirements else []
