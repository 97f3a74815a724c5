"""What runs in a sandbox, in the model's own environment: it loads the model, makes the variants and measures them.

It imports the standard library, NumPy, onnx and ONNX Runtime, and of the model's libraries what the model needs.
"""
