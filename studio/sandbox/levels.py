"""The levels of walls, and what a machine offers of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from studio.sandbox import seccomp
from studio.sandbox.landlock import PORTS_SINCE

Level = Literal["none", "uid", "landlock", "bubblewrap"]
LEVELS: tuple[Level, ...] = get_args(Level)  # the least first

FIRST_USER = 1_900_000_000  # no distribution, container or directory service hands out users from here to 2^31
USERS_OF_A_STUDIO = 100_000

BETTER: dict[Level, str] = {
    "bubblewrap": "",
    "landlock": "Install bubblewrap (apt install bubblewrap) and allow user namespaces.",
    "uid": "Install bubblewrap (apt install bubblewrap), or use Linux 6.12 or newer with Landlock.",
    "none": "Install bubblewrap (apt install bubblewrap), or use Linux 6.12 or newer with Landlock.",
}


@dataclass(frozen=True)
class Walls:
    """What this machine offers. `changes_user`: each service runs under a user of its own.

    `landlock` is the version of the kernel's interface, 0 without it. `missing` says why a better level is not there.
    """

    level: Level = "none"
    changes_user: bool = False
    landlock: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)

    def user_for(self, number: int, studio: int = 0) -> int | None:
        """The user (and group) of the service with this number; None where all keep the studio's.

        `studio` tells studios of one machine apart.
        """
        if not self.changes_user:
            return None
        return FIRST_USER + studio % 2000 * USERS_OF_A_STUDIO + number % USERS_OF_A_STUDIO

    @property
    def can_cut_off(self) -> bool:
        """Whether a program that listens can be kept from connecting to others."""
        return self.level in ("landlock", "bubblewrap") and self.landlock >= PORTS_SINCE and seccomp.is_known()

    def shortfall(self, required: Level) -> str:
        """Why user code must not be started where this level is required; empty when it may."""
        if LEVELS.index(self.level) >= LEVELS.index(required):
            return ""
        missing = f"SLIPWAY_REQUIRE_WALLS asks for {required}, and this machine offers {self.level}."
        return f"{missing} {self.how_to_get_better}".strip()

    @property
    def sentence(self) -> str:
        """What stands, for people."""
        return describe(self.level, changes_user=self.changes_user)

    @property
    def how_to_get_better(self) -> str:
        """The next step towards better walls, with why they are not there; empty where there are none better."""
        why = " ".join(f"{name}: {reason}" for name, reason in self.missing.items())
        return f"{BETTER[self.level]} ({why})" if why and BETTER[self.level] else BETTER[self.level]


def describe(level: str, *, changes_user: bool) -> str:
    """A level in one phrase."""
    user = " and a user of its own" if changes_user and level != "uid" else ""
    return {
        "bubblewrap": f"bubblewrap: own namespaces{user}, only its own folders",
        "landlock": f"Landlock: only its own folders{user}, in sight of other processes",
        "uid": "a user of its own: closed folders are hidden",
    }.get(level, "none: it can do whatever the studio can")
