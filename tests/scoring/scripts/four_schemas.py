import datetime

import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    global calls
    calls = 0


@input_schema("param1", NumpyParameterType(np.array([[1, 2, 3]])))
@input_schema("param2", PandasParameterType(pd.DataFrame([{"a": 1, "b": "x"}])))
@input_schema("param3", StandardPythonParameterType(3.5))
@input_schema("param4", StandardPythonParameterType(datetime.datetime(2020, 1, 1)), optional=True)
def run(param1, param2, param3, param4=None):
    global calls
    calls += 1
    return {
        "sum": int(param1.sum()),
        "columns": list(param2.columns),
        "number": param3 * 2,
        "year": param4.year if param4 else None,
    }
