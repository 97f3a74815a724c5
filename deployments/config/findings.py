"""What checking an inference config finds, one fact each."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """`line` counts from 1, in the file `path`. Errors keep a config from being made; warnings do not. `package` is the
    one that the environment seems to lack."""

    level: Level
    code: str
    message: str
    hint: str = ""
    path: str = ""
    line: int | None = None
    package: str = ""

    @property
    def tone(self) -> str:
        return {"ok": "ok", "warning": "warn", "error": "bad"}[self.level]

    @property
    def place(self) -> str:
        """'score.py, line 3', for people."""
        return f"{self.path}, line {self.line}" if self.line else self.path
