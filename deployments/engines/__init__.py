"""Docker engines: how one is reached, what it can do, and what is wrong when it does not answer.

`client_of` gives a client with time limits for an address; everything that fails on the way to the engine is raised as
`EngineProblem`, which names what happened and the next step.
"""

from deployments.engines.address import EngineAddress, parse_address
from deployments.engines.client import EngineClient, client_of, forget_clients
from deployments.engines.facts import EngineFacts, facts_of
from deployments.engines.problems import EngineProblem, naming_problems

__all__ = [
    "EngineAddress",
    "EngineClient",
    "EngineFacts",
    "EngineProblem",
    "client_of",
    "facts_of",
    "forget_clients",
    "naming_problems",
    "parse_address",
]
