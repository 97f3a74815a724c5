"""The servers that bench/scoring.py measures, in the order of the report."""

from bench.peers.azure import Azure
from bench.peers.bentoml import BentoML
from bench.peers.fastapi import FastAPI, FastAPIAsync
from bench.peers.kserve import KServe
from bench.peers.mlflow import MLflow
from bench.peers.mlserver import MLServer
from bench.peers.peer import Peer
from bench.peers.slipway import Slipway, SlipwayScript
from bench.peers.triton import Triton

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Slipway(), Triton(), FastAPIAsync(), FastAPI(), KServe(), MLServer(), MLflow(), BentoML(), Azure(),
        SlipwayScript(),
    )
}  # fmt: skip
