"""Fields of the deploy form for the scoring server's options, in the units that people think in.

What has no field here is written as JSON beside them, so that an option needs no field to be reachable.
"""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from django import forms
from django.utils.text import Truncator

from deployments.config.number_fields import decimal, whole
from scoring.contract import Batching, Collect, ServerOptions

MIB = 1024 * 1024
MOST_SHOWN = 300  # characters of an option: a warm-up's body may be long
ORIGIN = re.compile(r"\*|https?://[^/\s,]+")
PROVIDERS = get_args(get_args(ServerOptions.__annotations__["providers"])[0])
DEFAULTS = {kind: {field.name: field.default for field in msgspec.structs.fields(kind)} for kind in
            (ServerOptions, Batching, Collect)}  # fmt: skip
DEFAULT = DEFAULTS[ServerOptions]


class Words(forms.CharField):
    """Texts separated by commas, spaces or lines; `allowed` says what each may be."""

    def __init__(self, *, allowed: Callable[[str], bool], refusal: str, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=5000, **kwargs)
        self.allowed, self.refusal = allowed, refusal

    def clean(self, value: Any) -> list[str]:
        words = [word for word in re.split(r"[\s,]+", super().clean(value)) if word]
        for word in words:
            if not self.allowed(word):
                raise forms.ValidationError(self.refusal % word[:100])
        return words

    def prepare_value(self, value: Any) -> Any:
        return (
            ("\n" if isinstance(self.widget, forms.Textarea) else ", ").join(value)
            if isinstance(value, list)
            else value
        )


@dataclass(frozen=True)
class Option:
    """Where a field's value stands among the options, and how many of the option's units its own unit has."""

    path: tuple[str, ...]
    field: forms.Field
    unit: float = 1

    def read(self, server: dict[str, Any]) -> Any:
        """The field's value, taken out of the options; None where nothing is chosen."""
        *parts, name = self.path
        for part in parts:
            server = server.get(part) or {}
        value = server.get(name)
        if value is None or (self.unit > 1 and value % self.unit):  # what the field's unit cannot say stays JSON
            return None
        del server[name]
        return value if self.unit == 1 else _tidy(value / self.unit)

    def write(self, server: dict[str, Any], value: Any) -> None:
        """Put the field's value among the options; one that stands there already, written as JSON, must be equal."""
        *parts, name = self.path
        for part in parts:
            server = server.setdefault(part, {})
        given = value if self.unit == 1 else _tidy(value * self.unit)
        if server.setdefault(name, given) != given:
            raise forms.ValidationError(f"'{'.'.join(self.path)}' has a field of its own: leave it out here.")


OPTIONS = {
    "server_rows": Option(
        ("batching", "rows"),
        whole("Largest batch (rows)", 1, 4096, "Waiting requests share a run. 1: never. Empty: found at the start."),
    ),
    "server_delay_ms": Option(
        ("batching", "delay_seconds"),
        decimal("Batching delay (ms)", 0, 10_000, "How long a request may wait for company.", 0),
        unit=0.001,
    ),
    "server_queue_limit": Option(
        ("queue_limit",),
        whole("Queue limit (requests)", 1, 100_000, "Slow ones that may wait, per process.", DEFAULT["queue_limit"]),
    ),
    "server_queue_wait_seconds": Option(
        ("queue_wait_seconds",),
        decimal("Longest queue wait (s)", 0, 3600, "Then the answer is 503.", DEFAULT["queue_wait_seconds"]),
    ),
    "server_connections_limit": Option(
        ("connections_limit",),
        whole("Connections limit", 16, 65_536, "Open at once, per process.", DEFAULT["connections_limit"]),
    ),
    "server_providers": Option(
        ("providers",),
        Words(
            label="Execution providers",
            help_text=f"Of ONNX Runtime, best first, out of {', '.join(PROVIDERS)}. Empty: cpu.",
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "cpu"}),
            allowed=PROVIDERS.__contains__,
            refusal=f"'%s' is no execution provider. There are {', '.join(PROVIDERS)}.",
        ),
    ),
    "server_cors_origins": Option(
        ("cors_origins",),
        Words(
            label="Allowed origins (CORS)",
            help_text="Web pages that may call from a browser, one a line; * for all. Empty: none.",
            widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "https://example.com"}),
            allowed=lambda word: ORIGIN.fullmatch(word) is not None,
            refusal="'%s' is no origin. Write https://example.com, without a path, or *.",
        ),
    ),
    "server_log_format": Option(
        ("log_format",),
        forms.ChoiceField(
            required=False, label="Log format", choices=[("", "Text"), ("json", "JSON")], help_text="Of every line."
        ),
    ),
    "server_access_log": Option(
        ("access_log",),
        forms.BooleanField(
            required=False, label="Log every request", help_text="A line in the log for each: status, time, id."
        ),
    ),
    "server_collect_percent": Option(
        ("collect", "fraction"),
        decimal("Requests collected (%)", 0, 100, "The share whose inputs and predictions are kept. Empty: none."),
        unit=0.01,
    ),
    "server_collect_mb": Option(
        ("collect", "max_bytes"),
        whole("Room for collected (MB)", 1, 1_000_000, "The oldest make room.", DEFAULTS[Collect]["max_bytes"] // MIB),
        unit=MIB,
    ),
}  # fmt: skip


LOAD = (
    "server_rows",
    "server_delay_ms",
    "server_providers",
    "server_queue_limit",
    "server_queue_wait_seconds",
    "server_connections_limit",
)
RECORDS = ("server_log_format", "server_collect_percent", "server_collect_mb", "server_access_log")


def fields() -> dict[str, forms.Field]:
    """A fresh field for each option, by its name in the form."""
    return {name: deepcopy(option.field) for name, option in OPTIONS.items()}


def initial_of(server: dict[str, Any]) -> dict[str, Any]:
    """Values of the fields for these options; `server` is what no field has."""
    rest = deepcopy(server)
    if "collect" in rest:
        rest["collect"] = {"fraction": DEFAULTS[Collect]["fraction"]} | rest["collect"]
    found = {name: option.read(rest) for name, option in OPTIONS.items()}
    left = {name: value for name, value in rest.items() if value != {}}
    return {name: value for name, value in (found | {"server": left}).items() if value not in (None, {})}


def labelled(server: dict[str, Any]) -> list[tuple[str, str]]:
    """What is chosen, in the words of the form; options without a field by their names."""
    found = initial_of(server)
    rest = found.pop("server", {})
    named = [_in_words(str(OPTIONS[name].field.label), value) for name, value in found.items()]
    return named + [(name, Truncator(json.dumps(value)).chars(MOST_SHOWN)) for name, value in rest.items()]


def options_of(data: dict[str, Any]) -> dict[str, Any]:
    """The options that the fields and the JSON beside them choose. Raises `ValidationError` about the JSON."""
    server = deepcopy(data.get("server") or {})
    if not isinstance(server, dict) or any(
        not isinstance(server.get(part, {}), dict) for part in ("batching", "collect")
    ):
        raise forms.ValidationError('Write an object of options, as {"batching": {"pad": {"tokens": 0}}}.')
    for name, option in OPTIONS.items():
        if (value := data.get(name)) not in (None, "", []) and value is not False:
            option.write(server, value)
    return server


def _in_words(label: str, value: Any) -> tuple[str, str]:
    """A fact for a page: the unit, which a field has in its label, goes behind the number."""
    if isinstance(value, bool):
        return label, "yes" if value else "no"
    if isinstance(value, (int, float)):
        what, _, unit = label.partition(" (")
        return what, f"{value:,} {unit.rstrip(')')}".strip()
    return label, ", ".join(value) if isinstance(value, list) else value


def _tidy(value: float) -> float | int:
    """Without what changing units leaves in the last digits; whole where it is."""
    rounded = round(value, 9)
    return int(rounded) if rounded == int(rounded) else rounded
