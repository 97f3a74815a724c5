"""What pages show of a service's rollouts: the one under way, how it goes on, and the ones before."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.models import Rollout, RolloutPhase, Service
from deployments.rollouts.forecast import words
from deployments.rollouts.moving import plan_of, running, state_of
from deployments.services.rollouts import describe, present_rate, rollouts_of
from studio.core.quantities import digits

SHOWN = 10  # rollouts before
NEWS = timedelta(hours=1)  # so long an ended rollout is shown as the present one was
STATES = {  # of a phase: its words, its tone
    RolloutPhase.WAITING: ("Starting", "busy"),
    RolloutPhase.WARMING: ("Warming up", "busy"),
    RolloutPhase.JUDGING: ("Rolling out", "busy"),
    RolloutPhase.EXTENDED: ("Not enough data yet", "warn"),
    RolloutPhase.HELD: ("Held", "warn"),
    RolloutPhase.DONE: ("Done", "ok"),
    RolloutPhase.ROLLED_BACK: ("Rolled back", "bad"),
    RolloutPhase.ABORTED: ("Aborted", "idle"),
}
VERDICTS = {  # of a guard: words, tone, icon
    "beyond": ("beyond the limit", "bad", "circle-x"),
    "good": ("shown good", "ok", "circle-check"),
    "unknown": ("not enough data yet", "idle", "circle-dashed"),
}
LIMIT_AT = 80.0  # per cent of a guard's bar


def under_way(service: Service) -> dict[str, Any] | None:
    """The rollout under way, for headlines and lists."""
    rollout = running(service)
    return brief(rollout) if rollout else None


def under_way_of(services: Iterable[Service]) -> dict[int, dict[str, Any]]:
    """Of several services, by their primary keys."""
    rows = Rollout.objects.filter(service__in=[service.pk for service in services], ended_at=None)
    return {row.service_id: brief(row) for row in rows}


def brief(rollout: Rollout) -> dict[str, Any]:
    """What fits in a line. `row`: the rollout itself."""
    text, tone = ("Paused", "warn") if rollout.is_paused else STATES[RolloutPhase(rollout.phase)]
    state = state_of(rollout)
    step = f"step {state.step + 1} of {len(plan_of(rollout).steps)}" if state else ""
    return {"row": rollout, "text": text, "tone": tone, "step": step}


def rollout_card(service: Service) -> dict[str, Any] | None:
    """The rollout under way, or one that has ended lately, with everything that its card shows."""
    rollout = rollouts_of(service).first()
    if rollout is None or (rollout.ended_at and timezone.now() - rollout.ended_at > NEWS):
        return None
    found = describe(rollout, present_rate(service))
    return found | {
        "row": rollout,
        "badge": brief(rollout),
        "is_running": rollout.ended_at is None,
        "begun": bool(found["step"]),
        "steps": [_step(found, number, step) for number, step in enumerate(found["steps"], start=1)],
        "guards": [_guard(one) for one in found["guards"]],
        "now": _now(rollout, found),
    }


def rollouts_before(service: Service) -> list[dict[str, Any]]:
    """Those that have ended, the newest first."""
    rows = rollouts_of(service).exclude(ended_at=None)[:SHOWN]
    return [
        brief(row)
        | {
            "steps": ", ".join(f"{step.percent:g} %" for step in plan_of(row).steps),
            "took": words((row.ended_at - row.created_at).total_seconds()) if row.ended_at else "",
        }
        for row in rows
    ]


def _now(rollout: Rollout, found: dict[str, Any]) -> str:
    """Where it stands, in a sentence that changes only when something happens: screen readers say it."""
    revision = rollout.candidate
    match rollout.phase:
        case RolloutPhase.DONE:
            return f"Revision {revision} gets all requests."
        case RolloutPhase.ROLLED_BACK | RolloutPhase.ABORTED:
            return f"Revision {rollout.control} gets all requests again."
        case RolloutPhase.WAITING:
            return f"Revision {revision} is starting and gets no requests yet."
    gets = f"{found['percent']:g} %" if found["percent"] else "copies, no caller sees its answers"
    where = f"Revision {revision} gets {gets}, step {found['step']} of {len(found['steps'])}."
    if rollout.is_paused:
        return f"{where} Paused: it does not advance; guards watch on."
    if rollout.phase == RolloutPhase.HELD:
        return f"{where} Held: the bake has ended and too little was seen. It stays so until somebody decides."
    return where


def _step(found: dict[str, Any], number: int, step: dict[str, Any]) -> dict[str, Any]:
    """With its tone, how much of its bake is over (0 to 1), and words for it."""
    is_present = number == found["step"] and not found["ended_at"]
    is_over = number < found["step"] or found["phase"] == RolloutPhase.DONE
    ended_here = number == found["step"] and found["phase"] in {RolloutPhase.ROLLED_BACK, RolloutPhase.ABORTED}
    bake = step["bake_seconds"]
    tone = "ok" if is_over else "idle"
    if is_present or ended_here:
        tone = STATES[RolloutPhase(found["phase"])][1]
    return step | {
        "tone": "warn" if is_present and found["paused"] else tone,
        "is_present": is_present,
        "ended_here": ended_here,
        "share": min(found["baked_seconds"] / bake, 1.0) if bake else 1.0,
        "bake": words(bake) if bake else "",
        "baked": words(found["baked_seconds"]),
        "is_over": is_over,
        "expected": words(step["expected_seconds"]) if step["expected_seconds"] else "",
        "left": words(found["seconds_left"]) if is_present and found["seconds_left"] else "",
    }


def _short(bound: float | None) -> str:
    """Two significant digits; of a bound that is not known yet a question mark."""
    return "?" if bound is None else digits(float(f"{bound:.2g}"))


def _guard(one: dict[str, Any]) -> dict[str, Any]:
    """With words, tone and icon of its verdict, and its bar in per cent of the bar's length."""
    text, tone, icon = VERDICTS[one["verdict"]]

    def at(figure: float | None) -> float:
        return min((figure or 0.0) / one["limit"] * LIMIT_AT, 100.0) if one["limit"] else 0.0

    low, high = at(one["low"]), at(one["high"]) if one["high"] is not None else 100.0
    name = one["name"]
    return one | {
        "title": name if name[1:2].isdigit() else name[:1].upper() + name[1:],
        "bounds": "" if one["low"] is None else f"{_short(one['low'])} to {_short(one['high'])}",
        "text": text,
        "tone": tone,
        "icon": icon,
        "length": round(at(one["figure"]), 1),
        "low_at": round(low, 1),
        "span": round(max(high - low, 0.5), 1),
        "limit_at": LIMIT_AT,
    }
