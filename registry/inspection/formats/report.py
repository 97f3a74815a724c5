"""What a reader found out about a file, or why it refuses it."""

from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """This file cannot be part of a version; goes to the person as it stands."""

    def __init__(self, code: str, message: str, *, hint: str, evidence: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.evidence = code, message, hint, evidence

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint, "evidence": self.evidence[:4000]}


@dataclass
class Report:
    """`looks_like` completes the sentence 'model.bin …'; `facts` are JSON values for the version's page."""

    format: str
    looks_like: str
    framework: str = "custom"
    framework_version: str = ""
    signature: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    graph: dict[str, Any] | None = None  # registry.inspection.graph.Graph, of an ONNX file
    warns_of_code: bool = False  # one of the warnings says what code the file would run
