"""Conversion: a version as ONNX, ONNX made faster, each variant held against the original, the winner registered.

`conversions.py` is the job. It asks `requirements.py` for the environment, `sandbox.py` to run the program in
`inside/` there, and `registering.py` to make a version of a variant. `inside/` knows neither Django nor the studio.
"""
