import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

sample_input = StandardPythonParameterType(
    {"houses": PandasParameterType(pd.DataFrame({"rooms": [3], "area": [70.5]}))}
)
sample_global_params = StandardPythonParameterType({"factor": 1.0})
sample_output = StandardPythonParameterType({"Results": {"price": [1.0]}})


def init():
    pass


@input_schema("Inputs", sample_input)
@input_schema("GlobalParameters", sample_global_params)
@output_schema(sample_output)
def run(Inputs, GlobalParameters):
    houses = Inputs["houses"]
    price = (houses["rooms"] * 1000 + houses["area"]) * GlobalParameters["factor"]
    return {"Results": {"price": price.tolist()}}
