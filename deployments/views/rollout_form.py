"""The form that starts a rollout: filled in, so that one click does; what is typed becomes a `RolloutRequest`."""

import re
import shlex
from collections.abc import Iterable
from typing import Any, cast

from django import forms

from deployments.models import Revision, Service
from deployments.rollouts.forecast import words
from deployments.rollouts.guards import AGREEMENT, DEFAULT_GUARDS, Guard
from deployments.rollouts.steps import Plan, Step
from deployments.services.revisions import revisions_of
from deployments.services.rollback import can_be_rolled_back_to
from deployments.services.rollouts import DEFAULT_STEPS, LONGEST_BAKE, STEPS_LIMIT, RolloutRequest
from deployments.traffic.shares import shares_of
from deployments.views.option_fields import PLAIN, Decimal

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
EVENT_NAME = r"^[A-Za-z0-9._-]{1,63}\Z"
NAMED = {  # limits that the command line may name, of the kinds that have others than 'ratio' and 'difference'
    "time": ("ratio", "metric", "quantile"),
    "agreement": ("difference",),
    "event": ("event", "better", "ratio", "difference"),
}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)[a-z]*")
OFFERED = 20  # revisions
SPARE_STEPS = 2
USUAL_BAKE = DEFAULT_STEPS[0].bake_seconds
RATIO, DIFFERENCE = "Limit: times the revision before", "or so many points more"


def short(seconds: float) -> str:
    """300 as '5m', as the form and the command line take it."""
    unit = next((unit for unit in "dhm" if seconds >= UNITS[unit] and not seconds % UNITS[unit]), "s")
    return f"{seconds / UNITS[unit]:g}{unit}"


class Duration(forms.CharField):
    """'90s', '5m', '1h', in seconds; without a unit, seconds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, widget=forms.TextInput(attrs=PLAIN), **kwargs)

    def clean(self, value: Any) -> float | None:
        text = super().clean(value)
        if not text:
            return None
        found = DURATION.fullmatch(text.strip().lower())
        if not found:
            raise forms.ValidationError(f"'{text}' is no duration. Write 90s, 5m or 1h.")
        seconds = float(found[1]) * UNITS[found[2] or "s"]
        if seconds > LONGEST_BAKE:
            raise forms.ValidationError(f"A bake lasts {words(LONGEST_BAKE)} at most.")
        return seconds


class StepForm(forms.Form):
    percent = Decimal(min_value=0.01, max_value=100, required=False, label="Share")
    bake = Duration(required=False, label="Bake")

    def clean(self) -> dict[str, Any]:
        data = cast(dict[str, Any], super().clean())
        if data.get("bake") is not None and data.get("percent") is None and "percent" not in self.errors:
            self.add_error("percent", "Say which share, or leave both empty.")
        return data


Steps = forms.formset_factory(StepForm, extra=SPARE_STEPS, max_num=STEPS_LIMIT, absolute_max=STEPS_LIMIT)


class RolloutForm(forms.Form):
    revision = forms.TypedChoiceField(coerce=int, label="Revision that takes over")
    reason = forms.CharField(required=False, max_length=2000, label="Why", widget=forms.TextInput)
    shadow = Decimal(
        min_value=0.01,
        max_value=100,
        required=False,
        label="Copies of so many per cent",
        help_text="Before the steps: no caller sees its answers. Empty: no such step.",
    )
    shadow_bake = Duration(initial="5m", required=False, label="Bake")
    errors_on = forms.BooleanField(required=False, initial=True, label="Errors (5xx)")
    errors_ratio = Decimal(min_value=1, max_value=100, initial=1.25, label=RATIO)
    errors_points = Decimal(min_value=0.01, max_value=100, initial=0.2, label=DIFFERENCE)
    time_on = forms.BooleanField(required=False, initial=True, label="Time")
    time_metric = forms.ChoiceField(
        choices=[("infer", "in the model"), ("latency", "of the answer, with waiting")], label="Time"
    )
    time_quantile = forms.TypedChoiceField(
        coerce=float,
        choices=[("0.5", "p50"), ("0.9", "p90"), ("0.95", "p95"), ("0.99", "p99")],
        initial="0.95",
        label="Percentile",
    )
    time_ratio = Decimal(min_value=1, max_value=100, initial=1.25, label=RATIO)
    client_errors_on = forms.BooleanField(required=False, label="Client errors (4xx)")
    client_errors_ratio = Decimal(min_value=1, max_value=100, initial=1.25, label=RATIO)
    client_errors_points = Decimal(min_value=0.01, max_value=100, initial=0.2, label=DIFFERENCE)
    agreement_on = forms.BooleanField(required=False, label="Answers that differ, of copies")
    agreement_points = Decimal(min_value=0.01, max_value=100, initial=100 * AGREEMENT, label="Limit: per cent at most")
    event_on = forms.BooleanField(required=False, label="Event that the script logs")
    event_name = forms.RegexField(
        EVENT_NAME, required=False, label="Name", error_messages={"invalid": "Letters, digits and . _ - alone."}
    )
    event_better = forms.ChoiceField(
        choices=[("lower", "the fewer the better"), ("higher", "the more the better")], label="Requests with it"
    )
    event_ratio = Decimal(min_value=1, max_value=100, initial=1.25, label=RATIO)
    event_points = Decimal(min_value=0.01, max_value=100, initial=0.2, label=DIFFERENCE)
    warm_requests = forms.IntegerField(
        min_value=0,
        max_value=1_000_000,
        initial=200,
        label="Warm-up requests",
        help_text="The first ones of the new revision, whose times do not count.",
    )

    def __init__(self, service: Service, data: Any = None) -> None:
        super().__init__(data, prefix="rollout")
        offered = candidates(service)
        cast(forms.ChoiceField, self.fields["revision"]).choices = [(one.number, _label(one)) for one in offered]
        default = [{"percent": step.percent, "bake": short(step.bake_seconds)} for step in DEFAULT_STEPS]
        self.steps = Steps(data, prefix="step", initial=default)
        self.can_start = bool(offered)

    @property
    def guards(self) -> list[tuple[forms.BoundField, list[forms.BoundField]]]:
        """The switch of each guard, and its limits."""
        names = {
            "errors_on": ["errors_ratio", "errors_points"],
            "time_on": ["time_metric", "time_quantile", "time_ratio"],
            "client_errors_on": ["client_errors_ratio", "client_errors_points"],
            "agreement_on": ["agreement_points"],
            "event_on": ["event_name", "event_better", "event_ratio", "event_points"],
        }
        return [(self[switch], [self[name] for name in limits]) for switch, limits in names.items()]

    @property
    def folded_is_wrong(self) -> bool:
        return self.is_bound and bool(set(self.errors) - {"revision", "reason"} or any(self.steps.errors))

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.steps.is_valid()])

    def clean(self) -> dict[str, Any]:
        data = cast(dict[str, Any], super().clean())
        if data.get("event_on") and not data.get("event_name") and "event_name" not in self.errors:
            self.add_error("event_name", "Say which event, as the script logs it.")
        return data

    def rollout_request(self) -> RolloutRequest:
        """What the form asks for; call it on a valid form."""
        data, plan = self.cleaned_data, self.plan()
        return RolloutRequest(
            revision=data["revision"],
            steps=plan.steps,
            guards=plan.guards,
            warm_requests=plan.warm_requests,
            reason=data["reason"],
        )

    def plan(self) -> Plan:
        """Steps and guards; those of the defaults where the form is not bound."""
        if not self.is_bound:
            return Plan(DEFAULT_STEPS, DEFAULT_GUARDS)
        rows = [row.cleaned_data for row in self.steps.forms if row.cleaned_data.get("percent") is not None]
        steps = [Step(row["percent"], _or(row.get("bake"), USUAL_BAKE)) for row in rows]
        data = self.cleaned_data
        if copies := data["shadow"]:
            steps.insert(0, Step(0.0, _or(data["shadow_bake"], USUAL_BAKE), copies))
        return Plan(tuple(steps), tuple(self._guards()), data["warm_requests"])

    def _guards(self) -> Iterable[Guard]:
        data = self.cleaned_data
        if data["errors_on"]:
            yield Guard(kind="errors", ratio=data["errors_ratio"], difference=data["errors_points"] / 100)
        if data["time_on"]:
            metric, quantile = data["time_metric"], data["time_quantile"]
            yield Guard(kind="time", metric=metric, quantile=quantile, ratio=data["time_ratio"])
        if data["client_errors_on"]:
            ratio, points = data["client_errors_ratio"], data["client_errors_points"]
            yield Guard(kind="client_errors", ratio=ratio, difference=points / 100)
        if data["agreement_on"]:
            yield Guard(kind="agreement", difference=data["agreement_points"] / 100)
        if data["event_on"]:
            yield Guard(
                kind="event",
                event=data["event_name"],
                better=data["event_better"],
                ratio=data["event_ratio"],
                difference=data["event_points"] / 100,
            )


def candidates(service: Service) -> list[Revision]:
    """Those that may take over: built, and not the default one; first those that run."""
    rows = list(revisions_of(service).exclude(number=service.default_revision)[:OFFERED])
    built, beside = can_be_rolled_back_to(rows), shares_of(service)
    able = [row for row in rows if row.number in built or row.number in beside]
    return sorted(able, key=lambda row: (row.number not in beside, -row.number))


def command(name: str, revision: int | str, plan: Plan, reason: str = "") -> str:
    """The same on the command line."""
    bakes = {step.bake_seconds for step in plan.steps}
    bake = bakes.pop() if len(bakes) == 1 else None

    def watched(amount: float, step: Step) -> str:
        return f"{amount:g}" if bake is not None else f"{amount:g}:{short(step.bake_seconds)}"

    parts = [
        word for step in plan.steps if not step.percent for word in ("--shadow", watched(step.mirror_percent, step))
    ]
    parts += ["--steps", ",".join(watched(step.percent, step) for step in plan.steps if step.percent)]
    parts += [] if bake is None else ["--bake", short(bake)]
    if plan.guards != DEFAULT_GUARDS:
        parts += [word for guard in plan.guards for word in ("--guard", _guard_words(guard))]
    parts += ["--warm", str(plan.warm_requests)] if plan.warm_requests != Plan(()).warm_requests else []
    parts += ["--reason", shlex.quote(reason)] if reason else []
    return " ".join(["slipway service rollout start", name, str(revision), *parts])


def _guard_words(guard: Guard) -> str:
    """'errors', or with what differs from the defaults: 'time:ratio=1.5,quantile=0.99'."""
    usual = Guard(kind=guard.kind, difference=AGREEMENT) if guard.needs_copies else Guard(kind=guard.kind)
    names = NAMED.get(guard.kind, ("ratio", "difference"))
    changed = {name: getattr(guard, name) for name in names if getattr(guard, name) != getattr(usual, name)}
    shown = ",".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in changed.items()
    )
    return f"{guard.kind}:{shown}" if shown else guard.kind


def _label(revision: Revision) -> str:
    models = ", ".join(str(use.version) for use in revision.models.all())
    return " · ".join(filter(None, [f"Revision {revision.number}", revision.label, models]))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
