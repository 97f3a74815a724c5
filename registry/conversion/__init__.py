"""Conversion: a version as ONNX, ONNX made faster, each variant held against the original, the winner registered.

`conversions.py` takes what people ask for; `run_conversion.py` is the job, and `attempt.py` one attempt at it, which
asks `requirements.py` for the environment and `sandbox.py` to run the program in `inside/` there; `registering.py`
makes a version of a variant. `inside/` knows neither Django nor the studio.
"""
