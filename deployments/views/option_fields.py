"""Form fields for the options of a deployment config, in the units that people think in, made from the table.

Options of the scoring server without a field of their own are written as JSON beside them.
"""

import re
from typing import Any

from django import forms

from deployments.config import options
from deployments.config.json_text import readable
from deployments.config.option_checks import word_problem
from deployments.config.option_values import PARTS, SERVER, Contradiction, pack, unpack
from deployments.config.options import Option

PLAIN = {"autocomplete": "off", "spellcheck": "false"}
MULTILINE = {"rows": 3, "spellcheck": "false", "class": "mono"}


class Decimal(forms.FloatField):
    """Shows whole numbers without a point."""

    def prepare_value(self, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value


class Words(forms.CharField):
    """Texts separated by commas, spaces or lines."""

    def __init__(self, option: Option, **kwargs: Any) -> None:
        super().__init__(max_length=5000, **kwargs)
        self.option = option

    def clean(self, value: Any) -> list[str]:
        words = [word for word in re.split(r"[\s,]+", super().clean(value)) if word]
        for word in words:
            if problem := word_problem(self.option, word):
                raise forms.ValidationError(problem)
        return words

    def prepare_value(self, value: Any) -> Any:
        separator = "\n" if isinstance(self.widget, forms.Textarea) else ", "
        return separator.join(value) if isinstance(value, list) else value


class Variables(forms.CharField):
    """NAME=value, one a line, as a dict."""

    def clean(self, value: Any) -> dict[str, str]:
        lines = [line for line in super().clean(value).splitlines() if line.strip()]
        wrong = [line for line in lines if "=" not in line]
        if wrong:
            raise forms.ValidationError(f"'{wrong[0][:50]}' has no '='. Write NAME=value, one a line.")
        return {name.strip(): text for name, _, text in (line.partition("=") for line in lines)}

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else value


class JSONText(forms.JSONField):
    """JSON that is laid out for reading, and nothing where there is none."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else readable(value) if value else ""


def fields() -> dict[str, forms.Field]:
    """A field for each option that has one, by its name in the form."""
    return {option.field: _field(option) for option in options.OPTIONS if option.group}


def names_in(group: str) -> list[str]:
    """The fields below a heading, in the order of the table."""
    return [option.field for option in options.OPTIONS if option.group == group]


def initial_of(config: dict[str, Any]) -> dict[str, Any]:
    """Values of the fields for a stored config; `server` is what no field has."""
    found, server = unpack(config, _has_field)
    return {option.field: value for option, value in found if value != {}} | ({SERVER: server} if server else {})


def chosen_in(data: dict[str, Any]) -> dict[str, Any]:
    """What fields and JSON choose, as a deployment config takes it. Raises `ValidationError` about the JSON."""
    server = data.get(SERVER) or {}
    if not isinstance(server, dict) or any(not isinstance(server.get(part) or {}, dict) for part in PARTS):
        raise forms.ValidationError('Write an object of options, as {"batching": {"pad": {"tokens": 0}}}.')
    typed = [(option, data.get(option.field)) for option in options.OPTIONS if _has_field(option)]
    try:
        return pack([(option, value) for option, value in typed if _is_chosen(option, value)], server)
    except Contradiction as twice:
        raise forms.ValidationError(f"'{twice}' has a field of its own: leave it out here.") from twice


def _has_field(option: Option) -> bool:
    return bool(option.group)


def _is_chosen(option: Option, value: Any) -> bool:
    if option.kind == "switch":
        return value is not None and value != option.default
    return value not in (None, "", [], {})


def _field(option: Option) -> forms.Field:
    label = f"{option.label} ({option.unit})" if option.unit else option.label
    facts: dict[str, Any] = {"required": False, "label": label, "help_text": option.help}
    match option.kind:
        case "whole" | "number":
            return _number(option, facts)
        case "switch":
            return forms.BooleanField(**facts, initial=option.default)
        case "choice":
            return forms.ChoiceField(**facts, choices=_choices(option))
        case "words":
            return Words(option, **facts, widget=_words_widget(option))
        case "variables":
            facts["help_text"] = f"NAME=value, one a line. {option.help}"
            return Variables(**facts, widget=forms.Textarea(attrs=MULTILINE | {"placeholder": option.example}))
    raise ValueError(f"no field for {option.kind}")


def _number(option: Option, facts: dict[str, Any]) -> forms.Field:
    low, high = option.for_people(option.low), option.for_people(option.high)
    wrong = f"Must lie between {low:,} and {high:,}."
    usual = option.for_people(option.usual) if option.shows_default else None
    # A text field: number fields send nothing at all for what is no number, and the default would be taken silently.
    typed = {"inputmode": "numeric" if option.kind == "whole" else "decimal", "autocomplete": "off"}
    if usual is not None:
        typed |= {"placeholder": f"{usual:g}"}
        facts["help_text"] = f"{option.help} Default {usual:g}."
    facts |= {
        "min_value": low,
        "max_value": high,
        "widget": forms.TextInput(attrs=typed),
        "error_messages": {"min_value": wrong, "max_value": wrong},
    }
    return forms.IntegerField(**facts) if option.kind == "whole" else Decimal(**facts)


def _choices(option: Option) -> list[tuple[str, str]]:
    """The default is the empty choice, so that it stays a default."""
    others = [choice for choice in option.choices if choice != option.default]
    return [("", _title(option.default)), *((choice, _title(choice)) for choice in others)]


def _title(choice: str) -> str:
    return {"json": "JSON", "target": "As the target has it"}.get(choice, choice.capitalize())


def _words_widget(option: Option) -> forms.Widget:
    if option.choices:
        return forms.TextInput(attrs=PLAIN | {"placeholder": option.example})
    return forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": option.example})
