"""`ModelDataCollector` of `azureml.monitoring`: rows out of the script, to `scoring.core.collecting`."""

import os
import uuid
from datetime import datetime, timezone
from typing import Any

from scoring.core import collecting

DESIGNATIONS = ("inputs", "predictions", "labels", "signals", "general")
IDENTIFIERS = {"input": "inputs", "prediction": "predictions", "output": "predictions", "outputs": "predictions"}
Correlations = dict[str, Any]


class ModelDataCollector:
    """Collects rows of one designation for one model. Nothing is written here, and no run waits for it."""

    AML_DC_CORRELATION_HEADER = "$aml_dc_correlation_id"
    AML_DC_SCORING_TIMESTAMP_HEADER = "$aml_dc_scoring_timestamp"
    AML_DC_BOUNDARY_HEADER = "$aml_dc_boundary"
    AML_WORKSPACE_HEADER = "$aml_workspace"
    AML_SERVICE_NAME_HEADER = "$aml_service_name"
    AML_MODEL_NAME_HEADER = "$aml_model_name"
    AML_MODEL_VERSION_HEADER = "$aml_model_version"
    AML_REQUEST_ID_HEADER = "$aml_request_id"

    def __init__(  # noqa: PLR0913, PLR0917 - the parameters of Azure's class, in its order
        self,
        model_name: str,
        designation: str = "default",
        feature_names: list[str] | None = None,
        workspace: str = "default/default/default",
        webservice_name: str = "default",
        model_version: str = "default",
        collection_name: str = "default",
        identifier: str | None = None,
    ) -> None:
        if identifier is not None and designation == "default":  # what the package of 2017 and Azure's notebooks say
            designation = IDENTIFIERS.get(identifier, identifier if identifier in DESIGNATIONS else "general")
            collection_name = identifier if collection_name == "default" else collection_name
        self.designation = "general" if designation == "default" else designation
        if self.designation not in DESIGNATIONS:
            raise ValueError(f"designation may be {', '.join(DESIGNATIONS)}, not {designation!r}")
        self.model_name = model_name
        self.model_version = model_version
        self.feature_names = list(feature_names) if feature_names is not None else None
        self.workspace = os.environ.get("WORKSPACE_NAME", workspace) if workspace[:8] == "default/" else workspace
        named = webservice_name != "default"
        self.service_name = webservice_name if named else os.environ.get("SERVICE_NAME", "default")
        self.collection_name = collection_name

    def collect(self, input_data: Any, user_correlation_id: str = "") -> Correlations | None:
        """Collect a list, a numpy array or a data frame; a flat list is one row.

        Inputs give the correlations that `add_correlations` adds to the predictions of the same request.
        """
        correlations = self._correlations(user_correlation_id) if self.designation == "inputs" else None
        columns, rows = table_of(input_data)
        record = {
            "designation": self.designation,
            "model": self.model_name,
            "version": self.model_version,
            "collection": self.collection_name,
            "columns": columns if columns is not None else self.feature_names,
            "rows": rows,
            "correlation": correlations,
            "time": datetime.now(timezone.utc).isoformat(),  # noqa: UP017 - Python 3.10 has no datetime.UTC
            "request": collecting.request_id(),
        }
        collecting.collect(record)
        return correlations

    def add_correlations(self, input_data: Any, correlations: Correlations | None) -> Any:
        """The same data with the correlations as further columns."""
        if correlations is None:
            return input_data
        if hasattr(input_data, "assign"):  # a data frame
            return input_data.assign(**correlations)
        values = list(correlations.values())
        if isinstance(input_data, list):
            return [[*row, *values] for row in input_data] if _holds_rows(input_data) else [*input_data, *values]
        rows = [[*row, *values] for row in table_of(input_data)[1]]
        import numpy  # only a script that collects arrays needs it

        return numpy.array(rows, dtype=object)

    def _correlations(self, user_correlation_id: str) -> Correlations:
        own = str(uuid.uuid4())
        hourly = os.environ.get("AML_MODEL_DC_BOUNDARY") == "hour"
        return {
            self.AML_DC_CORRELATION_HEADER: f"{user_correlation_id}-{own}" if user_correlation_id else own,
            self.AML_DC_SCORING_TIMESTAMP_HEADER: datetime.now(timezone.utc).isoformat(),  # noqa: UP017 - as above
            self.AML_DC_BOUNDARY_HEADER: 60 if hourly else 1440,  # minutes
            self.AML_WORKSPACE_HEADER: self.workspace,
            self.AML_SERVICE_NAME_HEADER: self.service_name,
            self.AML_MODEL_NAME_HEADER: self.model_name,
            self.AML_MODEL_VERSION_HEADER: self.model_version,
            self.AML_REQUEST_ID_HEADER: collecting.request_id(),
        }


def table_of(data: Any) -> tuple[list[str] | None, list[list[Any]]]:
    """Column names, where the data has them, and rows of plain values."""
    if hasattr(data, "toPandas"):
        data = data.toPandas()
    if hasattr(data, "notna"):  # value by value: whole numbers beside floats stay whole, and a gap is None
        data = data.astype(object).where(data.notna(), None)
    if hasattr(data, "columns") and hasattr(data, "values"):
        return [str(one) for one in data.columns], data.values.tolist()
    rows = data.tolist() if hasattr(data, "tolist") else data
    if not isinstance(rows, list | tuple):
        raise TypeError(f"collect() takes a list, a numpy array or a data frame, not {type(data).__name__}")
    return None, [_list(row) for row in rows] if _holds_rows(rows) else [list(rows)]


def _holds_rows(data: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are rows, lists or arrays, and not the values of a single one."""
    return bool(data) and (isinstance(data[0], list | tuple) or bool(getattr(data[0], "shape", ())))


def _list(row: Any) -> list[Any]:
    return row.tolist() if hasattr(row, "tolist") else list(row)
