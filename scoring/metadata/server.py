"""What the server says about itself, over every protocol."""

VERSION = "2"
EXTENSIONS = ["binary_tensor_data", "model_configuration", "statistics"]
SERVER = {"name": "slipway", "version": VERSION, "extensions": EXTENSIONS}
