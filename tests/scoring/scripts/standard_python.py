from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    global weights
    weights = {"positive": ("good", "great"), "negative": ("bad", "awful")}


@input_schema("text", StandardPythonParameterType("a good day"))
@output_schema(StandardPythonParameterType("positive"))
def run(text):
    words = text.lower().split()
    score = {label: sum(word in known for word in words) for label, known in weights.items()}
    return max(score, key=score.get)
