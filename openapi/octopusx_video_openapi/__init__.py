"""The contract, read: where the file is, what its rules say, what its vendor extensions mean.

Nothing of the API is written down here. Whoever needs a field, a status or a rule asks the document. Loading the
contract imports none of the other modules of this package, so that it is quick.
"""

from octopusx_video_openapi._contract import Contract, Duration, Grade, Operation, Rule
from octopusx_video_openapi.document import METHODS, ContractError
from octopusx_video_openapi.loading import contract_path, load

__all__ = [
    "METHODS",
    "Contract",
    "ContractError",
    "Duration",
    "Grade",
    "Operation",
    "Rule",
    "contract_path",
    "load",
]
