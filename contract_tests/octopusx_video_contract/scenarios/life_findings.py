"""What is found of the lives of tasks, by the submit that made them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.sending.budget import NotAskedError


class LifeFindings:
    """Keeps what is found, so that the lives of the other tasks go on.

    Args:
        run: The run.
        submits: The operation ids of the submits.

    Attributes:
        findings: By the submit's operation id.
        skipped: Why a submit was not followed, by its operation id.
    """

    def __init__(self, run: Run, submits: Iterable[str]) -> None:
        self.run = run
        self.findings: dict[str, list[Finding]] = {name: [] for name in submits}
        self.skipped: dict[str, str] = {}

    @contextlib.contextmanager
    def catching(self, name: str) -> Iterator[None]:
        """Keep what is found in a block, which goes on after it, as what follows the block does."""
        findings = self.findings[name]
        try:
            with self.run.recorder.collecting(findings):
                yield
        except (Finding, Findings) as error:
            findings += error.findings if isinstance(error, Findings) else [error]
        except NotAskedError as error:
            self.skipped.setdefault(name, str(error))
        if findings and self.run.settings.ends_at_once:
            raise Findings(findings)
