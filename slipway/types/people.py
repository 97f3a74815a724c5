"""People, their tokens, and what they did."""

from typing import Any, TypedDict


class Member(TypedDict):
    """`role` is viewer, contributor or admin."""

    username: str
    role: str


class Invitation(TypedDict):
    """An open invitation; `note` says for whom it is."""

    id: int
    role: str
    note: str
    invited_by: str
    created_at: str
    expires_at: str


class NewInvitation(Invitation):
    """An invitation with its link, which nothing shows again."""

    link: str


class Token(TypedDict):
    """An API token; `hint` is the beginning of its secret, `expires_at` None for one that never expires."""

    id: int
    name: str
    access: str
    hint: str
    user: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class NewToken(Token):
    """A token with its secret, which nothing shows again."""

    token: str


class Event(TypedDict, total=False):
    """An entry of the audit trail: who did what to what, why and when."""

    id: int
    at: str
    actor_name: str
    action: str
    title: str
    sentence: str  # who did what to what, in one line
    subject_type: str
    subject_id: str
    subject_label: str
    reason: str
    details: dict[str, Any]
