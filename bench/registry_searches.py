"""What bench/registry.py looks for, and whose plans it shows."""

from collections.abc import Callable

# Name, and the query of round n: rare things differ from round to round, as people look for different ones.
SEARCHES: dict[str, Callable[[int], dict[str, str]]] = {
    "everything": lambda n: {},
    "rare tag": lambda n: {"filter": f"dataset=dataset-{n}"},
    "common tag": lambda n: {"filter": "area=vision"},
    "common tag, by name": lambda n: {"filter": "area=vision", "sort": "name"},
    "two common tags": lambda n: {"filter": "area=vision,stage=prod"},
    "tag and framework": lambda n: {"filter": "area=text,framework=onnx"},
    "common and rare tag": lambda n: {"filter": f"area=vision,team=team-{n}"},
    "OR of tags": lambda n: {"filter": "area=vision OR area=text"},
    "OR of groups": lambda n: {"filter": f"area=vision,framework=onnx OR team=team-{n}"},
    "not a tag": lambda n: {"filter": "stage!=draft"},
    "tag present": lambda n: {"filter": "area=*"},
    "beginning of a value": lambda n: {"filter": f"owner=person-{n}*"},
    "rare word": lambda n: {"filter": "zebrafish"},
    "common word": lambda n: {"filter": "baral"},
    "two letters": lambda n: {"filter": "zb"},
    "name:version": lambda n: {"filter": "baral-baral-0:1"},
    "newest versions of a tag": lambda n: {"filter": "is:latest,area=vision"},
    "nothing found": lambda n: {"filter": f"area=none-{n}"},
    "deep page": lambda n: {"filter": "area=vision", "page": str(300 + n % 20)},
}
PLANS = ("rare tag", "common tag", "two common tags", "OR of groups", "not a tag", "rare word", "deep page")
