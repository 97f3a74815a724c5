"""What the service says about itself: health, what is served, and what Triton's clients ask beyond the protocol."""

from collections.abc import Callable
from typing import Any, NamedTuple

from scoring.core.errors import ScoringError
from scoring.engine.engine import Engine, Served
from scoring.metadata.models import config_facts, index_facts, metadata_facts
from scoring.metadata.server import SERVER
from scoring.metadata.statistics import statistics
from scoring.rpc.messages import message

NOTHING = "Nothing"  # the message without fields


class Method(NamedTuple):
    """The message that it takes, what answers with a message, and whether it needs the key."""

    takes: str
    answer: Callable[[Any], Any]
    secured: bool = True


class MetadataMethods:
    """Methods for everything but predictions; they raise ScoringError. The same ones need the key as over HTTP."""

    def __init__(self, engine: Engine, ready: Callable[[], bool]) -> None:
        self._engine = engine
        self._ready = ready

    def methods(self) -> dict[str, Method]:
        """All of them by name."""
        live, server = message("ServerLiveResponse")(live=True), message("ServerMetadataResponse")(**SERVER)
        return {
            "ServerLive": Method(NOTHING, lambda _: live, secured=False),
            "ServerReady": Method(NOTHING, lambda _: self._is_ready(), secured=False),
            "ModelReady": Method("ModelName", self._model_ready),
            "ServerMetadata": Method(NOTHING, lambda _: server),
            "ModelMetadata": Method("ModelName", self._model_metadata),
            "ModelConfig": Method("ModelName", self._model_config),
            "ModelStatistics": Method("ModelName", self._statistics),
            "RepositoryIndex": Method(NOTHING, lambda _: self._index()),
        }

    def _find(self, request: Any) -> Served:
        return self._engine.find(request.name, request.version or None)

    def _is_ready(self) -> Any:
        return message("ReadyResponse")(ready=self._ready())

    def _model_ready(self, request: Any) -> Any:
        """An unknown model is not ready, which is no error in this protocol."""
        try:
            self._find(request)
        except ScoringError:
            return message("ReadyResponse")(ready=False)
        return self._is_ready()

    def _model_metadata(self, request: Any) -> Any:
        facts = metadata_facts(self._engine, self._find(request))
        inputs = [{name: one[name] for name in ("name", "datatype", "shape")} for one in facts["inputs"]]
        return message("ModelMetadataResponse")(**facts | {"inputs": inputs})  # which has no field for optional ones

    def _model_config(self, request: Any) -> Any:
        return message("ModelConfigResponse")(config=config_facts(self._find(request)))

    def _statistics(self, request: Any) -> Any:
        """Of one model, or of all where none is named."""
        models = [self._find(request)] if request.name else self._engine.served
        return message("ModelStatisticsResponse")(**statistics(models))

    def _index(self) -> Any:
        return message("RepositoryIndexResponse")(models=index_facts(self._engine))
