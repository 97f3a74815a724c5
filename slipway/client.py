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
from slipway.errors import Failed, SlipwayApiError
from slipway.journal import open_journal
from slipway.targets import Targets
from slipway.transport import Transport
from slipway.types import AccessToken, Environment, Keys, Log, Model, Revision, Service, Update, Version
from slipway.uploads import Progress, Tell, Uploader

RUNTIME = "slipway-runtime:latest"
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

    Raises `SlipwayApiError` where the studio says no, `Unreachable` where nobody answers. `tell` hears of what people
    should know meanwhile: a connection that broke, an upload that goes on.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        workspace: str = "",
        *,
        transport: httpx.BaseTransport | None = None,
        tell: Tell = lambda text: None,
    ) -> None:
        self.workspace = workspace
        self._transport = Transport(url, token, http=transport)
        self._base = f"workspaces/{quote(workspace)}"
        self._uploader = Uploader(self._transport, self._base, tell)
        self.targets = Targets(self._call, lambda path: self._pages(f"{self._base}/{path}"))

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

    def models(self, filter: str = "", sort: str = "", *, tags: Mapping[str, str] | None = None) -> Iterator[Model]:
        """Models with a version that matches the filter, such as `area=vision,stage!=draft`, and has all `tags`.

        Values of `tags` are taken literally, whatever is in them.
        """
        asked = {"filter": filters.narrowed(filter, tags or {}), "sort": sort}
        return cast(Iterator[Model], self._pages(f"{self._base}/models", {k: v for k, v in asked.items() if v}))

    def versions(self, filter: str = "", *, tags: Mapping[str, str] | None = None) -> Iterator[Version]:
        """Versions that match the filter and have all `tags`, newest first."""
        wanted = filters.narrowed(filter, tags or {})
        found = self._pages(f"{self._base}/versions", {"filter": wanted} if wanted else {})
        return cast(Iterator[Version], found)

    def model_versions(self, name: str) -> Iterator[Version]:
        """All versions of one model, newest first."""
        return cast(Iterator[Version], self._pages(f"{self._base}/models/{quote(name)}/versions"))

    def version(self, reference: str) -> Version:
        """`name:number`, `name:latest` or `name`, which means the latest."""
        return cast(Version, self._call("GET", f"versions/{quote(_numbered(reference))}"))

    def wait_for_version(self, reference: str, timeout: float = 300) -> Version:
        """Wait until the version has been inspected. Raises `Failed` when it was rejected."""
        found = waiting.wait(
            lambda: self.version(reference),
            lambda version: version["state"] in {"ready", "rejected"},
            what=f"The inspection of {reference}",
            timeout=timeout,
        )
        if found["state"] == "rejected":
            raise Failed.because(f"{reference} was rejected", cast(dict[str, Any] | None, found.get("rejection")))
        return found

    def download(
        self, reference: str, target: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> list[Path]:
        """Write the files of a version below `target`; their paths."""
        version = self.version(reference)
        return downloads.download(
            self._transport, self._base, version, Path(target), overwrite=overwrite, progress=progress
        )

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

    def create_environment(self, name: str, requirements: list[str], python_version: str = "") -> str:
        """The next version of an environment, or the newest if it is the same; "name:number"."""
        return self.define_environment(name, requirements, python_version)["id"]

    def define_environment(self, name: str, requirements: list[str], python_version: str = "") -> Environment:
        """As `create_environment`; gives the whole answer. `requirements` are the lines of a requirements file."""
        body: dict[str, Any] = {"name": name, "requirements": requirements}
        body |= {"python_version": python_version} if python_version else {}
        return cast(Environment, self._call("POST", "environments", body))

    def create_config(self, name: str, entry_script: str, files: Mapping[str, Path], environment: str = RUNTIME) -> str:
        """The next version of an inference config with an entry script; "name:number".

        The default environment is the studio's own, which has NumPy and ONNX Runtime and needs no build.
        """
        body = {
            "name": name,
            "kind": "entry_script",
            "entry_script": entry_script,
            "files": self._uploader.send_all(dict(files)),
            "environment": environment,
        }
        return str(self._call("POST", "configs", body)["id"])

    def deploy(self, name: str, models: list[str], *, config: str | None = None, **facts: Any) -> Service:
        """Deploy model versions as a service.

        `facts`: description, deployment_config, overwrite (a new revision of a service that exists), reason.
        """
        body = {"name": name, "models": models, "config": config} | facts
        return cast(Service, self._call("POST", "services", body))

    def services(self) -> Iterator[Service]:
        return cast(Iterator[Service], self._pages(f"{self._base}/services"))

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
        return cast(Iterator[Revision], self._pages(f"{self._base}/services/{quote(name)}/revisions"))

    def rollback(self, name: str, revision: int | None = None) -> Service:
        """Have a revision answer again; None: the one that answers, where that ends an update, else the one before it.

        Name the revision where the call may be sent twice: after a rollback, "the one before" is the newer one.
        """
        return cast(Service, self._call("POST", f"services/{quote(name)}/rollback", {"revision": revision}))

    def stop(self, name: str) -> Service:
        return cast(Service, self._call("POST", f"services/{quote(name)}/stop"))

    def start(self, name: str) -> Service:
        return cast(Service, self._call("POST", f"services/{quote(name)}/start"))

    def delete_service(self, name: str) -> None:
        self._call("DELETE", f"services/{quote(name)}")

    def keys(self, name: str) -> Keys:
        return cast(Keys, self._call("GET", f"services/{quote(name)}/keys"))

    def regenerate_key(self, name: str, slot: str) -> Keys:
        """A new `primary` or `secondary` key; the old one stops working."""
        return cast(Keys, self._call("POST", f"services/{quote(name)}/keys/{quote(slot)}/regenerate"))

    def access_token(self, name: str) -> AccessToken:
        """A token to call the service with, where it takes tokens; `score` needs none."""
        return cast(AccessToken, self._call("POST", f"services/{quote(name)}/token"))

    def end_tokens(self, name: str) -> Service:
        """Every token of the service stops working within seconds."""
        return cast(Service, self._call("POST", f"services/{quote(name)}/token/regenerate"))

    def logs(self, name: str, offset: int = 0, source: str = "service") -> Log:
        """A piece of the service's log, or of its build's (`source="build"`), from `offset` on."""
        asked: dict[str, str | int] = {"offset": offset, "source": source}
        return cast(Log, self._transport.json("GET", f"{self._base}/services/{quote(name)}/logs", params=asked))

    def metrics(self, name: str, range: str = "15m") -> dict[str, Any]:
        """The service's time series over 15m, 1h, 6h, 24h or 7d."""
        path = f"{self._base}/services/{quote(name)}/metrics"
        return cast(dict[str, Any], self._transport.json("GET", path, params={"range": range}))

    def score(self, name: str, body: bytes, content_type: str = "application/json", *, path: str = "/score") -> Score:
        """Send `body` to the service's `path` by way of the studio; the service's own answer, whatever its status."""
        address, headers = f"{self._base}/services/{quote(name)}/score", {"Content-Type": content_type}
        response = self._transport.exchange("POST", address, params={"path": path}, content=body, headers=headers)
        if TIMING not in response.headers:
            self._transport.checked(response)
        took = float(response.headers.get(TIMING, 0))
        return Score(response.status_code, response.text, response.headers.get("Content-Type", ""), took)

    # --- inside ---

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self._transport.json(method, f"{self._base}/{path}", body=body)

    def _pages(self, path: str, params: Mapping[str, str | int] | None = None) -> Iterator[Any]:
        """Rows of a list, page by page as they are needed."""
        number = 1
        while True:
            answer = self._transport.json("GET", path, params={**(params or {}), "page": number, "page_size": 200})
            yield from answer["results"]
            if not answer.get("next"):
                return
            number += 1


def _update_of(service: Service) -> Update | None:
    """The update that is under way or has failed; older studios know none."""
    return service.get("update")


def _numbered(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:latest"
