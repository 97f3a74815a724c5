import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

trips = pd.DataFrame({"distance": pd.Series([1.5], dtype="float64"), "night": pd.Series([0], dtype="int64")})
tariffs = pd.DataFrame({"per_km": [2.0], "at_night": [3.0]})


def init():
    pass


@input_schema("data", PandasParameterType(trips, enforce_shape=True))
@input_schema("tariffs", PandasParameterType(tariffs, orient="split"))
@output_schema(StandardPythonParameterType({"fares": [3.0]}))
def run(data, tariffs):
    per_km = data["night"].map({0: tariffs["per_km"][0], 1: tariffs["at_night"][0]})
    fares = data["distance"] * per_km
    return {"fares": fares.tolist()}
