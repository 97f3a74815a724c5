"""Which walls the services of this machine stand behind."""

from dataclasses import dataclass, field
from pathlib import Path

from deployments.targets.base import WallsMissing
from studio.sandbox.current import (
    current_walls,
    problems_of_readable_folders,
    readable_folders,
    required_level,
    studio_number,
)
from studio.sandbox.levels import Level, Walls


@dataclass(frozen=True)
class Isolation:
    """`required`: behind less nothing is started. `studio` tells the users of studios of one machine apart. `readable`:
    folders of the machine that services may read beyond their own; `problems`: why others that are named may not be.
    """

    walls: Walls = field(default_factory=Walls)
    required: Level = "none"
    studio: int = 0
    readable: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def refusal(self) -> str:
        """Why nothing may be started here; empty where it may."""
        return self.walls.shortfall(self.required)

    def check(self, network: str = "full") -> None:
        """Raises `WallsMissing`; also where a deployment asks for no network, and this machine cannot hold it."""
        if self.refusal:
            raise WallsMissing(self.refusal)
        if network == "none" and not self.walls.can_cut_off:
            raise WallsMissing(
                "The deployment may connect to nobody (network: none), and this machine cannot keep it from that. "
                f"It takes Linux 6.7 or newer with Landlock. {self.walls.how_to_get_better}".strip()
            )

    def user_of(self, service_id: int) -> int | None:
        """As whom a service runs; None: as the studio."""
        return self.walls.user_for(service_id, self.studio)


def isolation_here() -> Isolation:
    """By the settings, on this machine."""
    return Isolation(
        current_walls(), required_level(), studio_number(), readable_folders(), problems_of_readable_folders()
    )
