"""The names of variants, for those that only ask for them."""

TITLES = {
    "onnx": "ONNX, as converted",
    "simplified": "simplified: constants folded, dead parts removed",
    "optimised": "graph optimised by ONNX Runtime",
    "float16": "float16: weights and sums in half precision",
    "int8-dynamic": "int8, dynamic: weights in 8 bits, scales by each run",
    "int8-static": "int8, static: calibrated with the rows",
}
VARIANTS = tuple(TITLES)
CONVERTING = VARIANTS  # what a conversion tries, unless it is asked for less
OPTIMISING = VARIANTS[1:]  # the original is the plain file
