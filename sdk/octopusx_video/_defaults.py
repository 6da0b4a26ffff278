"""The defaults of the clients, apart from them, so that the command can show them without importing httpx."""

from __future__ import annotations

from typing import Final

WAIT_SECONDS = 1800.0
"""How long a task is awaited; two to eight minutes are typical (x-task-life)."""
DOWNLOAD_SECONDS = 1800.0
POLL_SECONDS = 2.0
SUBMIT_SECONDS = 180.0
"""How long a response to a submit may take; the gateway waits for its upstream."""
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""How long each piece of a response may take."""
MAX_RETRIES = 3
MAX_SUBMITS = 50
"""Submits of one client at once."""
CONCURRENCY = 8
"""Submits and downloads of a batch at once."""
RETRIED: Final = ("refused", "failed", "expired")
"""The states of a batch's jobs that are sent again only where the user asks for it."""
RETRY_SECONDS = 60.0
MAX_SECONDS = 1e8
"""Three years; a longer time is a slip."""
