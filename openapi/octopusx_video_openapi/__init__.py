"""The contract, read: where the file is, what its rules say, what its vendor extensions mean.

Nothing of the API is written down here. Whoever needs a field, a status or a rule asks the document.
"""

from octopusx_video_openapi import costs, life, task_ids
from octopusx_video_openapi._contract import (
    METHODS,
    Contract,
    ContractError,
    Operation,
    Rule,
    contract_path,
    load,
)

__all__ = [
    "METHODS",
    "Contract",
    "ContractError",
    "Operation",
    "Rule",
    "contract_path",
    "costs",
    "life",
    "load",
    "task_ids",
]
