"""The events of profiles."""

from typing import TypedDict

from studio.activity.events import event_type


class Asked(TypedDict):
    goal: str  # p99 under 20 ms at 500 requests/s
    target: str


class Ended(TypedDict):
    verdict: str


class Failed(TypedDict):
    code: str
    message: str


PROFILE_CREATED = event_type(
    "profile.created",
    "Profile created",
    subject="profile",
    sentence="asked for the {subject} at {target}: {goal}",
    details=Asked,
)
PROFILE_ENDED = event_type(
    "profile.completed",
    "Profile completed",
    subject="profile",
    sentence="completed the {subject}. {verdict}",
    details=Ended,
)
PROFILE_FAILED = event_type(
    "profile.failed",
    "Profile failed",
    subject="profile",
    sentence="could not complete the {subject}: {message}",
    details=Failed,
)
PROFILE_CANCELLED = event_type(
    "profile.cancelled", "Profile cancelled", subject="profile", sentence="cancelled the {subject}"
)
