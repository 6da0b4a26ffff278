"""The contract, read: where the file is, what its rules say, what its vendor extensions mean.

Nothing of the API is written down here. Whoever needs a field, a status or a rule asks the contract: ``model`` has its
parts, ``operations`` finds the one that a request is for, ``values`` finds where the values of a body stand, and
``schemas`` makes validators. Loading the contract imports only the model, so that it is quick.
"""

from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import METHODS, ContractError
from octopusx_video_openapi.grades import Grade
from octopusx_video_openapi.loading import contract_path, load
from octopusx_video_openapi.model import Body, Header, Link, Media, Parameter, Response
from octopusx_video_openapi.operation import Operation
from octopusx_video_openapi.rule_ids import RuleId
from octopusx_video_openapi.rules import Duration, Rule
from octopusx_video_openapi.schema import Schema

__all__ = [
    "METHODS",
    "Body",
    "Contract",
    "ContractError",
    "Duration",
    "Grade",
    "Header",
    "Link",
    "Media",
    "Operation",
    "Parameter",
    "Response",
    "Rule",
    "RuleId",
    "Schema",
    "contract_path",
    "load",
]
