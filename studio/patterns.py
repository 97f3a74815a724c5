"""Every component in every state on one page: for people who write templates, and for the screenshots."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from deployments.services.log_entries import blocks_of, entries_of
from studio.activity.models import Event
from studio.activity.operations import Operation
from studio.core.confirmation import Change, Question, ask
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.pages import render

SIGNATURE = {
    "inputs": [{"name": "float_input", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
    ],
}
TONES = ["ok", "busy", "warn", "bad", "idle"]


class SampleForm(forms.Form):
    name = forms.CharField(help_text="Lower-case letters, digits and '-'.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    framework = forms.ChoiceField(choices=[("onnx", "ONNX"), ("scikit-learn", "scikit-learn")])
    memory_gb = forms.FloatField(label="Memory (GB)", required=False, min_value=0.1)
    auth = forms.BooleanField(label="Ask for a key", required=False, help_text="Requests without a key get 401.")
    role = forms.ChoiceField(
        choices=[("viewer", "Viewer"), ("contributor", "Contributor")], widget=forms.RadioSelect, initial="viewer"
    )


def patterns(request: HttpRequest) -> HttpResponse:
    """Shown in debug and to superusers; for everybody else it does not exist."""
    if not (settings.DEBUG or request.user.is_superuser):
        raise NotFound("There is nothing at this address.")
    if request.GET.get("figures"):
        return JsonResponse({"figures": sample_figures()})
    if "question" in request.GET:
        return ask(request, sample_question())
    return render(request, "studio/patterns.html", sample_context(request))


def sample_context(request: HttpRequest) -> dict[str, Any]:
    trace = "Traceback (most recent call last):\n  File \"score.py\", line 7, in init\nKeyError: 'MODEL'"
    return {
        "tones": TONES,
        "form": SampleForm(initial={"name": "iris", "auth": True}),
        "bound_form": SampleForm({"name": "", "framework": "onnx", "memory_gb": "-1", "role": "viewer"}),
        "bad_input": BadInput(
            "The file model.onnx is empty.", hint="Export the model again and check its size before uploading."
        ),
        "cause": Conflict("init() raised KeyError.", hint="Set MODEL under environment variables.", evidence=trace),
        "page": sample_page(request),
        "tabs": [
            {"url": "?tab=overview", "label": "Overview", "current": True},
            {"url": "?tab=files", "label": "Files", "count": 3},
            {"url": "?tab=activity", "label": "Activity"},
        ],
        "tags": {"area": "vision", "stage": "production", "reviewed": ""},
        "signature": SIGNATURE,
        "steps": sample_steps("ok", "ok", "busy", "idle", "idle"),
        "failed_steps": sample_steps("ok", "bad", "idle", "idle", "idle"),
        "operations": sample_operations(),
        "facts": {"Framework": "ONNX 1.23", "Opset": 21, "Producer": "skl2onnx 1.20", "Parameters": None},
        "snippets": [
            {"label": "curl", "language": "sh", "text": "curl http://127.0.0.1:20000/score -d @sample.json"},
            {"label": "Python", "language": "python", "text": "import httpx\nhttpx.post(url, json=body)"},
        ],
        "request_body": '{\n  "inputs": [{"name": "float_input", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]\n}',
        "log_blocks": blocks_of(entries_of(sample_log(trace))),
    }


def sample_log(trace: str) -> str:
    """Lines of the server, and what a script printed while it answered a request."""
    request = "0f3c9d1e-7f7c-4111-a222-000000000001"
    begun = [f"2026-11-28 12:00:{second:02d}.000 I [7] scoring - worker {second} is ready" for second in range(20)]
    printed = [f"[{request}] {line}" for line in ("reading 3 rows", *trace.splitlines())]
    return "\n".join([*begun, "2026-11-28 12:00:21.000 W [7] scoring - the queue is full", *printed])


def sample_question() -> Question:
    return Question(
        title="Delete iris:3?",
        text="No service uses it. Its files go away with it; this cannot be undone.",
        action="Delete iris:3",
        back=reverse("patterns"),
        changes=[Change("Model", "iris:3", ""), Change("Memory", "1 GB", "2 GB")],
    )


def sample_page(request: HttpRequest) -> Page:
    return Paginator(range(1, 96), 25).get_page(request.GET.get("page", 2))


def sample_steps(*states: str) -> list[SimpleNamespace]:
    names = ["queued", "environment", "image", "rollout", "healthy"]
    times = [0.4, 12.25, 3, None, None]
    return [
        SimpleNamespace(name=name, state=state, seconds=None if state == "idle" else seconds, started=None)
        for name, state, seconds in zip(names, states, times, strict=True)
    ]


def sample_operations() -> list[Operation]:
    now = timezone.now()

    def event(age: int, actor: str, action: str, label: str, reason: str = "", **details: Any) -> Event:
        at = now - timedelta(seconds=age)
        return Event(at=at, actor_name=actor, action=action, subject_label=label, reason=reason, details=details)

    steps = [
        event(38, "Slipway", "service.build_succeeded", "iris", revision=2),
        event(30, "Slipway", "service.state_changed", "iris", **{"from": "Transitioning", "to": "Healthy"}),
    ]
    deployed = event(40, "alice", "service.updated", "iris", "New features", revision=2, models=["iris:3"])
    return [Operation(deployed, steps), Operation(event(4000, "bob", "version.registered", "iris:3"))]


def sample_figures() -> dict[str, Any]:
    """Two figures as the server sends them: a gap stays a gap, tokens name the colours."""
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=30)
    times = [(start + timedelta(minutes=minute)).isoformat() for minute in range(30)]
    wave = [None if 11 <= minute <= 13 else 20 + (minute * 7) % 13 for minute in range(30)]
    latency = {
        "data": [
            {"type": "scatter", "mode": "lines", "name": name, "x": times, "y": [base + (m * 5) % 7 for m in range(30)]}
            for name, base in (("p50", 3), ("p95", 12), ("p99", 24))
        ],
        "layout": {"yaxis": {"ticksuffix": " ms", "rangemode": "tozero"}},
    }
    throughput = {
        "data": [{"type": "scatter", "mode": "lines", "name": "requests/s", "x": times, "y": wave}],
        "layout": {"yaxis": {"rangemode": "tozero"}},
    }
    return {"throughput": throughput, "latency": latency}
