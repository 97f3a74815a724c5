"""The studio from Python: one method for each thing a person can do, thin over REST."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from slipway import downloads, filters, folders, profiles, waiting
from slipway.calls import Calls
from slipway.client_keys import ClientKeys
from slipway.configs import Configs
from slipway.conversions import Conversions
from slipway.development import Development
from slipway.devices import Devices
from slipway.edge import Edge
from slipway.environments import Environments
from slipway.errors import Failed, SlipwayApiError
from slipway.journal import open_journal
from slipway.model_profiles import ModelProfiles
from slipway.outcomes import OutcomesOfServices
from slipway.packages import Packages
from slipway.people import Members, Tokens
from slipway.registries import Registries
from slipway.rollouts import RolloutsOfServices
from slipway.targets import Targets
from slipway.traffic import TrafficOfServices
from slipway.transport import RETRIES, Transport
from slipway.types import AccessToken, Event, Keys, Log, Model, Revision, Scaling, Service, Update, Upload, Version
from slipway.uploads import Progress, Report, Uploader

NEVER_READY = frozenset({"Failed"})  # every other state moves on by itself or fails in time
TIMING = "X-Slipway-Milliseconds"  # on answers that are the service's own


@dataclass(frozen=True)
class Score:
    """A service's own answer. `milliseconds` is the time it took as seen from the studio."""

    status: int
    text: str
    content_type: str
    milliseconds: float


class Client:
    """A studio as one token of one workspace sees it.

    Raises `SlipwayApiError` where the studio says no, `Unreachable` where nobody answers. `report` is called with what
    people should know meanwhile: a connection that broke, an upload that goes on. `timeout` is in seconds, of each
    request; `retries` those of requests that may be repeated.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        workspace: str = "",
        *,
        transport: httpx.BaseTransport | None = None,
        report: Report = lambda text: None,
        timeout: float = 60,
        retries: int = RETRIES,
    ) -> None:
        self.workspace = workspace
        self._transport = Transport(url, token, http=transport, timeout=timeout, retries=retries)
        self._calls = Calls(self._transport, workspace)
        self._call = self._calls.call
        self._uploader = Uploader(self._transport, self._calls.base, report)
        self.environments = Environments(self._calls, self._uploader)
        self.configs = Configs(self._calls, self._uploader)
        self.development = Development(self._calls, self._uploader)
        self.targets = Targets(self._calls)
        self.edge = Edge(self._calls)
        self.conversions = Conversions(self._calls)
        self.packages = Packages(self._calls)
        self.profiles = ModelProfiles(self._calls)
        self.devices = Devices(self._calls)
        self.registries = Registries(self._calls)
        self.traffic = TrafficOfServices(self._calls)
        self.outcomes = OutcomesOfServices(self._calls)
        self.rollouts = RolloutsOfServices(self._calls)
        self.members = Members(self._calls)
        self.tokens = Tokens(self._calls)

    @property
    def url(self) -> str:
        return self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    # --- people ---

    def sign_in(self, username: str, password: str, workspace: str = "") -> dict[str, Any]:
        """A new token: {"token", "workspace", "expires_at"}."""
        body = {"username": username, "password": password} | ({"workspace": workspace} if workspace else {})
        return cast(dict[str, Any], self._transport.json("POST", "sign-in", body=body))

    def me(self) -> dict[str, Any]:
        """Whose token this is: {"username", "workspaces": [the one it is valid in], …}."""
        return cast(dict[str, Any], self._transport.json("GET", "me"))

    def rename_workspace(self, name: str) -> dict[str, Any]:
        """Another name for people to read; the address stays. For admins."""
        return cast(dict[str, Any], self._transport.json("PATCH", self._calls.base, body={"name": name}))

    def sign_out(self) -> None:
        """Revoke the token of this client; nothing can be asked with it any more."""
        self._transport.call("POST", "sign-out")

    def activity(self, *, subject: str = "", person: str = "", action: str = "") -> Iterator[Event]:
        """The audit trail, newest first: of things whose name has `subject` in it, of a person, of a kind of action."""
        asked = {"subject": subject, "person": person, "action": action}
        return cast(Iterator[Event], self._calls.rows("events", asked))

    # --- models ---

    def register_model(
        self,
        name: str,
        paths: list[str | Path],
        *,
        progress: Progress | None = None,
        resume: bool = False,
        **facts: Any,
    ) -> Version:
        """Upload files or folders and register them as the next version of `name`.

        A folder keeps its name (see `folders.select`). With `resume`, what has arrived when the upload is interrupted
        is noted beside the profiles, and the same call goes on there.
        `facts`: description, tags, properties, framework, framework_version, resources, unpack.
        """
        chosen = [Path(path) for path in paths]
        selection = folders.select(chosen)
        body = {"name": name} | facts | ({"folder": selection.folder} if selection.folder else {})
        place = profiles.config_file().parent / "uploads"
        with open_journal(place, self.url, self.workspace, chosen) if resume else nullcontext() as journal:
            body["files"] = self._uploader.send_all(selection.files, progress, journal)
            version = cast(Version, self._call("POST", "versions", body))
            if journal is not None:
                journal.forget()
        return version

    def models(
        self, filter: str = "", sort: str = "", *, tags: Mapping[str, str] | None = None, **facts: str
    ) -> Iterator[Model]:
        """Models with a version that matches the filter, such as `area=vision,stage!=draft`, and has all `tags`.

        `facts`: name, state, framework. Values of `tags` and `facts` are taken literally, whatever is in them.
        """
        asked = {"filter": filters.narrowed(filter, tags or {}, facts), "sort": sort}
        return cast(Iterator[Model], self._calls.rows("models", asked))

    def versions(self, filter: str = "", *, tags: Mapping[str, str] | None = None, **facts: str) -> Iterator[Version]:
        """Versions that match the filter, have all `tags` and `facts` as `models` takes them; newest first."""
        asked = {"filter": filters.narrowed(filter, tags or {}, facts)}
        return cast(Iterator[Version], self._calls.rows("versions", asked))

    def model_versions(self, name: str) -> Iterator[Version]:
        """All versions of one model, newest first."""
        return cast(Iterator[Version], self._calls.rows(f"models/{quote(name)}/versions"))

    def version(self, reference: str) -> Version:
        """`name:number`, `name:latest` or `name`, which means the latest."""
        return cast(Version, self._call("GET", f"versions/{quote(_numbered(reference))}"))

    def inspect_version(self, reference: str) -> Version:
        """Have a rejected or damaged version inspected once more. Refused with 409 in any other state."""
        return cast(Version, self._call("POST", f"versions/{quote(_numbered(reference))}/inspect"))

    def wait_for_version(self, reference: str, timeout: float = 300) -> Version:
        """Wait until the version has been inspected. Raises `Failed` when it was rejected or is damaged."""
        found = waiting.wait(
            lambda: self.version(reference),
            lambda version: version["state"] != "uploaded",
            what=f"The inspection of {reference}",
            timeout=timeout,
        )
        if found["state"] != "ready":
            how = "was rejected" if found["state"] == "rejected" else f"is {found['state']}"
            raise Failed.because(f"{reference} {how}", cast(dict[str, Any] | None, found.get("rejection")))
        return found

    def download(
        self, reference: str, target: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> list[Path]:
        """Write the files of a version below `target`; their paths."""
        version = self.version(reference)
        source = downloads.Source(
            version["id"], f"{self._calls.base}/versions/{quote(version['id'])}", version["files"]
        )
        return downloads.download(self._transport, source, Path(target), overwrite=overwrite, progress=progress)

    def update_version(
        self,
        reference: str,
        *,
        add_tags: Mapping[str, str] | None = None,
        remove_tags: Collection[str] = (),
        add_properties: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> Version:
        """Change tags and description of a version, and add properties, which stay for good: all of it or nothing."""
        changes = {"add_tags": add_tags, "remove_tags": list(remove_tags), "add_properties": add_properties}
        body: dict[str, Any] = {name: value for name, value in changes.items() if value}
        body |= {} if description is None else {"description": description}
        return cast(Version, self._call("PATCH", f"versions/{quote(reference)}", body))

    def uploads(self) -> Iterator[Upload]:
        """One's own uploads that are part of no version yet, newest first."""
        return cast(Iterator[Upload], self._calls.rows("uploads"))

    def abandon_upload(self, id: str) -> None:
        """Give an upload up; what arrived of it is forgotten."""
        self._call("DELETE", f"uploads/{quote(id)}")

    def delete_version(self, reference: str) -> None:
        """Refused with 409 while a service uses it."""
        self._call("DELETE", f"versions/{quote(reference)}")

    # --- administration ---

    def collect(self, *, dry_run: bool = True, timeout: float = 3600) -> dict[str, Any]:
        """Have the studio remove what nothing uses any more, or with `dry_run` say what that is; waits for its end.

        For administrators of the studio. {"count", "freed_bytes", "items", "kinds", "problems", …}. Raises `Failed`.
        """
        made = self._transport.json("POST", "admin/collection", body={"dry_run": dry_run})
        found = waiting.wait(
            lambda: cast(dict[str, Any], self._transport.json("GET", f"admin/collection/{made['id']}")),
            lambda collection: collection["state"] not in {"queued", "running"},
            what="The collection",
            timeout=timeout,
        )
        if found["state"] != "succeeded":
            raise Failed.because("The collection failed", cast(dict[str, Any] | None, found.get("error")))
        return found

    # --- services ---

    def deploy(self, name: str, models: list[str], *, config: str | None = None, **facts: Any) -> Service:
        """Deploy model versions, or a script that needs none, as a service.

        `facts`: description, deployment_config, overwrite (a new revision of a service that exists), reason, target,
        label (a name of the revision), traffic (per cent that a new revision gets beside the others, 0 for none yet).
        `warnings` of the answer name settings without effect, and another name than the one that was given.
        """
        body = {"name": name, "models": models, "config": config} | facts
        return cast(Service, self._call("POST", "services", body))

    def services(self, *, model: str = "", state: str = "") -> Iterator[Service]:
        """Services by name: those that run a model ("iris") or version ("iris:1"), those in a state."""
        return cast(Iterator[Service], self._calls.rows("services", {"model": model, "state": state}))

    def service(self, name: str) -> Service:
        return cast(Service, self._call("GET", f"services/{quote(name)}"))

    def wait_for(
        self,
        name: str,
        states: Collection[str],
        timeout: float = 600,
        *,
        on_look: Callable[[Service], None] | None = None,
    ) -> Service:
        """Wait until the service is in one of `states`; for Healthy also until no update is under way.

        Raises `Failed` as soon as it can get there no more by itself, also for an update that has failed while the
        revision before it goes on answering; and `TimedOut`.
        """

        def look() -> Service:
            service = self.service(name)
            if on_look:
                on_look(service)
            return service

        ends = set(states) | (NEVER_READY if "Healthy" in states else set())

        def is_done(service: Service) -> bool:
            update = _update_of(service) if "Healthy" in states else None
            return update["state"] in NEVER_READY if update else service["state"] in ends

        what = f"{name} becoming {waiting.one_of(states)}"
        found = waiting.wait(look, is_done, what=what, timeout=timeout)
        if "Healthy" in states and (update := _update_of(found)):
            what = f"The update of {name} to revision {update['revision']} failed, and the one before goes on answering"
            raise Failed.because(what, cast(dict[str, Any] | None, update["error"]))
        if found["state"] not in states:
            raise Failed.because(f"{name} is {found['state']}", cast(dict[str, Any] | None, found.get("cause")))
        return found

    def wait_until_gone(self, name: str, timeout: float = 120) -> None:
        """Wait until a deleted service is no more."""

        def is_gone() -> bool:
            try:
                self.service(name)
            except SlipwayApiError as error:
                if error.status != 404:
                    raise
                return True
            return False

        waiting.wait(is_gone, bool, what=f"The end of {name}", timeout=timeout)

    def revisions(self, name: str) -> Iterator[Revision]:
        """What the service has been made of, newest first."""
        return cast(Iterator[Revision], self._calls.rows(f"services/{quote(name)}/revisions"))

    def rollback(self, name: str, revision: int | None = None) -> Service:
        """Have a revision answer again; None: the one that answers, where that ends an update, else the one before it.

        Name the revision where the call may be sent twice: after a rollback, "the one before" is the newer one.
        """
        return cast(Service, self._call("POST", f"services/{quote(name)}/rollback", {"revision": revision}))

    def scaling(self, name: str) -> Scaling:
        """How many replicas it may have and has, and why that last changed."""
        return cast(Scaling, self._call("GET", f"services/{quote(name)}/scale"))

    def scale(self, name: str, figures: Mapping[str, int], *, reset: bool = False, reason: str = "") -> Scaling:
        """Change the number of replicas in place: `replicas`, or `min_replicas`, `max_replicas`, `target_utilization`,
        `scaling_seconds` and `idle_seconds`. With `reset`, what its revisions say counts again."""
        body = {**figures, "reset": reset, "reason": reason}
        return cast(Scaling, self._call("POST", f"services/{quote(name)}/scale", body))

    def stop(self, name: str) -> Service:
        return cast(Service, self._call("POST", f"services/{quote(name)}/stop"))

    def start(self, name: str) -> Service:
        return cast(Service, self._call("POST", f"services/{quote(name)}/start"))

    def delete_service(self, name: str) -> None:
        self._call("DELETE", f"services/{quote(name)}")

    def keys(self, name: str) -> Keys:
        return cast(Keys, self._call("GET", f"services/{quote(name)}/keys"))

    def regenerate_key(self, name: str, slot: str, value: str | None = None) -> Keys:
        """A new `primary` or `secondary` key, `value` where it is given; the old one stops working."""
        chosen = None if value is None else {"value": value}
        return cast(Keys, self._call("POST", f"services/{quote(name)}/keys/{quote(slot)}/regenerate", chosen))

    def client_keys(self, name: str) -> ClientKeys:
        """Keys of single clients of a service."""
        return ClientKeys(self._calls, name)

    def access_token(self, name: str) -> AccessToken:
        """A token to call the service with, where it takes tokens; `score` needs none."""
        return cast(AccessToken, self._call("POST", f"services/{quote(name)}/token"))

    def end_tokens(self, name: str) -> Service:
        """Every token of the service stops working within seconds."""
        return cast(Service, self._call("POST", f"services/{quote(name)}/token/regenerate"))

    def logs(self, name: str, offset: int = 0, source: str = "service", replica: int = 1) -> Log:
        """A piece of the log of one of the service's replicas, or of its build (`source="build"`), from `offset` on."""
        asked: dict[str, str | int] = {"offset": offset, "source": source, "replica": replica}
        return cast(Log, self._call("GET", f"services/{quote(name)}/logs", params=asked))

    def metrics(self, name: str, range: str = "15m") -> dict[str, Any]:
        """The service's time series over 15m, 1h, 6h, 24h or 7d."""
        path = f"services/{quote(name)}/metrics"
        return cast(dict[str, Any], self._call("GET", path, params={"range": range}))

    def score(self, name: str, body: bytes, content_type: str = "application/json", *, path: str = "/score") -> Score:
        """Send `body` to the service's `path` by way of the studio; the service's own answer, whatever its status."""
        address, headers = f"{self._calls.base}/services/{quote(name)}/score", {"Content-Type": content_type}
        response = self._transport.exchange("POST", address, params={"path": path}, content=body, headers=headers)
        if TIMING not in response.headers:
            self._transport.checked(response)
        took = float(response.headers.get(TIMING, 0))
        return Score(response.status_code, response.text, response.headers.get("Content-Type", ""), took)


def _update_of(service: Service) -> Update | None:
    """The update that is under way or has failed; older studios know none."""
    return service.get("update")


def _numbered(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:latest"
