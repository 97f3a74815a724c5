"""What the studio wants of this device: checked, and kept until there is something newer."""

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from scoring.edge.ed25519 import is_signed
from scoring.edge.files import read_json, replace_file
from scoring.edge.problems import EdgeProblem, bad_signature
from scoring.edge_contract import FORMAT

DOCUMENT_FILE = "desired.json"


class Desired:
    """The newest document that was accepted, and its file. Nothing in it depends on the clock."""

    def __init__(self, folder: Path, device: str, public_key: bytes) -> None:
        """What lies in the folder was checked before it was written; it is checked again all the same."""
        self._path, self._device, self._key = folder / DOCUMENT_FILE, device, public_key
        self.document: dict[str, Any] = {"sequence": 0, "services": []}
        kept = read_json(self._path)
        if kept is not None:
            self.document = self._checked(kept)

    @property
    def sequence(self) -> int:
        return int(self.document["sequence"])

    @property
    def services(self) -> list[dict[str, Any]]:
        return list(self.document["services"])

    def accept(self, envelope: dict[str, Any]) -> bool:
        """Take a document from the studio; False for the one that is here already.

        Raises `EdgeProblem`: bad_signature, another_device, older_document, unknown_format.
        """
        document = self._checked(envelope)
        if document == self.document:
            return False
        if document["sequence"] <= self.sequence:
            raise EdgeProblem(
                "older_document",
                f"The studio sent document {document['sequence']}, and this device has had {self.sequence}.",
                "Somebody may be sending old documents again. A studio that was restored sends a newer one by itself.",
            )
        replace_file(self._path, json.dumps(envelope).encode())
        self.document = document
        return True

    def _checked(self, envelope: Any) -> dict[str, Any]:
        try:
            text, signature = envelope["document"].encode(), base64.b64decode(envelope["signature"], validate=True)
        except (TypeError, KeyError, AttributeError, binascii.Error) as error:
            raise bad_signature("the document") from error
        if not is_signed(self._key, text, signature):
            raise bad_signature("the document")
        document: dict[str, Any] = json.loads(text)
        if document.get("format") != FORMAT:
            raise EdgeProblem(
                "unknown_format",
                f"The studio speaks format {document.get('format')}, and this agent format {FORMAT}.",
                "Install the agent of the studio's release on this device.",
            )
        if document.get("device") != self._device:
            raise EdgeProblem(
                "another_device",
                f"The document is for the device {document.get('device')}, and this is {self._device}.",
                "Each device has an agent.json of its own: do not copy it from one to another.",
            )
        return document
