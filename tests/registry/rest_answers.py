"""The base address of the registry's REST tests, and how they read an error."""

BASE = "/api/v1/workspaces/vision"
BYTES = "application/octet-stream"


def first_error(response) -> dict:
    return response.json()["errors"][0]
