import hashlib
import json
import os

API_TOKEN = os.environ["FEATURE_STORE_TOKEN"]


def init():
    global fingerprint
    if not API_TOKEN:
        raise ValueError("FEATURE_STORE_TOKEN is not set")
    fingerprint = hashlib.sha256(API_TOKEN.encode()).hexdigest()[:8]


def run(data):
    return {
        "fingerprint": fingerprint,
        "service": os.environ["SERVICE_NAME"],
        "workspace": os.environ["WORKSPACE_NAME"],
    }
