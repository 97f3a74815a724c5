"""Names and values that the client and the command line share."""

RUNTIME = "slipway-runtime:latest"  # the studio's own environment: NumPy and ONNX Runtime, needs no build
INFERENCE_CONFIG = "inferenceconfig.json"  # what Azure calls the file
