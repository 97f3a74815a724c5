"""Slipway from Python and from the command line, over the studio's public REST API.

from slipway import Client
client = Client("http://127.0.0.1:8000", token="slw_…", workspace="default")
version = client.register_model("iris", ["model.onnx"], tags={"area": "demo"})
client.deploy("iris", [version["id"]])
client.wait_for("iris", {"Healthy"})
print(client.score("iris", b'{"data": [[5.1, 3.5, 1.4, 0.2]]}').text)
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Client", "SlipwayApiError", "SlipwayError", "__version__"]

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.errors import SlipwayApiError, SlipwayError


def __getattr__(name: str) -> Any:
    """Import on first use: the HTTP library takes longer to load than `slipway --help` may take."""
    if name == "Client":
        from slipway.client import Client

        return Client
    if name in {"SlipwayApiError", "SlipwayError"}:
        from slipway import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'slipway' has no attribute '{name}'")
