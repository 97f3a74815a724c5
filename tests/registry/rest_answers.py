"""Where REST tests of the registry ask, and how they read a refusal."""

BASE = "/api/v1/workspaces/vision"
BYTES = "application/octet-stream"


def first_error(response) -> dict:
    return response.json()["errors"][0]
