"""Pure: what containers and networks of a target are called and labelled with.

Whatever the studio makes at an engine carries its id: several studios may share one, and nothing without the label is
ever touched. What belongs to an instance is found by labels, not by name: people may rename a container. The name is
the lock: an engine makes no second container of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.recipe.spec import InstanceRef, InstanceSpec

STUDIO, TARGET = "slipway.studio", "slipway.target"
INSTANCE, REPLICA = "slipway.instance", "slipway.replica"


@dataclass(frozen=True)
class Owner:
    """Whose it is: the id of the studio and of its target."""

    studio: str
    target: int

    @property
    def labels(self) -> dict[str, str]:
        return {STUDIO: self.studio, TARGET: str(self.target)}

    @property
    def mark(self) -> str:
        """In names."""
        return f"{self.studio[:6]}-{self.target}"


def container_name(owner: Owner, ref: InstanceRef, number: int) -> str:
    return f"slipway-{ref.workspace}-{ref.service}-r{ref.revision}-{owner.mark}-{ref.instance_id}-{number}"


def container_labels(owner: Owner, spec: InstanceSpec, number: int) -> dict[str, str]:
    """All that tells which replica it is, and what of."""
    ref = spec.ref
    return owner.labels | {
        "slipway.workspace": ref.workspace,
        "slipway.service": ref.service,
        "slipway.service_id": str(ref.service_id),
        INSTANCE: str(ref.instance_id),
        "slipway.revision": str(ref.revision),
        REPLICA: str(number),
        "slipway.recipe": spec.recipe,
        "slipway.generation": str(spec.generation),
    }


def network_name(owner: Owner, workspace: str, *, way_out: bool) -> str:
    """Workspaces share none."""
    return f"slipway-{workspace}-{owner.mark}-{'full' if way_out else 'closed'}"


def chosen(labels: Mapping[str, str]) -> dict[str, list[str]]:
    """As the engine takes a filter."""
    return {"label": [f"{name}={value}" for name, value in labels.items()]}
