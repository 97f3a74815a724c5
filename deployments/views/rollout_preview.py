"""What a rollout would take with the present traffic, and its command line, while somebody fills the form in."""

import math
from typing import Any

from deployments.models import Service
from deployments.rollouts.forecast import step_seconds, warning, words
from deployments.rollouts.steps import Plan
from deployments.services.rollouts import present_rate
from deployments.views.rollout_form import RolloutForm, command


def preview(service: Service, form: RolloutForm) -> dict[str, Any]:
    """Of what stands in the form; of an invalid one only that it is."""
    if form.is_bound and not form.is_valid():
        return {"forecast": "", "forecast_warning": "", "rollout_command": ""}
    plan = form.plan()
    chosen = form.cleaned_data["revision"] if form.is_bound else _first(form)
    reason = form.cleaned_data["reason"] if form.is_bound else ""
    rate = present_rate(service)
    return {
        "forecast": _forecast(plan, rate),
        "forecast_warning": warning(plan, rate),
        "rollout_command": command(service.name, chosen, plan, reason),
    }


def _first(form: RolloutForm) -> int | str:
    choices = list(form.fields["revision"].choices)  # type: ignore[attr-defined]  # of a ChoiceField
    return choices[0][0] if choices else "REVISION"


def _forecast(plan: Plan, rate: float) -> str:
    seconds = sum(step_seconds(plan, rate))
    return "" if math.isinf(seconds) else f"About {words(seconds)} with the present {rate:.3g} requests a second."
