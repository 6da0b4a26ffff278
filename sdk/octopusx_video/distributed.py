"""Batches on several machines: the ledger of ``octopusx_video.batch`` in PostgreSQL, for any number of workers.

Needs the extra ``octopusx-video[distributed]``.
"""

from __future__ import annotations

from octopusx_video._distributed.batch import DistributedBatch
from octopusx_video._distributed.copying import export

__all__ = ["DistributedBatch", "export"]
