"""Who came to which revision of a service that is split by stickiness: what comparing revisions by outcomes counts."""

from scoring.front_contract import Arrivals

MOST = 200_000  # of a service; those who come later are left out, whichever their revision
AT_ONCE = 2000  # in a report


class Users:
    """Of one split: where the shares change, everybody is counted anew."""

    def __init__(self) -> None:
        self._came: set[tuple[str, int]] = set()
        self._untold: list[tuple[str, int]] = []

    def come(self, user: str, revision: int) -> None:
        """A request of this user goes to this revision."""
        pair = user, revision
        if pair not in self._came and len(self._came) < MOST:
            self._came.add(pair)
            self._untold.append(pair)

    def report(self, service: int) -> list[Arrivals]:
        """Those that the studio has not been told of, as many as a report has room for."""
        found: dict[int, list[str]] = {}
        for user, revision in self._untold[:AT_ONCE]:
            found.setdefault(revision, []).append(user)
        return [Arrivals(service=service, revision=revision, users=users) for revision, users in found.items()]

    def told(self, reported: list[Arrivals]) -> None:
        """The studio knows these now."""
        known = {(user, one.revision) for one in reported for user in one.users}
        if known:
            self._untold = [pair for pair in self._untold if pair not in known]
