"""How much a client does at once, and how long it waits for each step."""

from __future__ import annotations

import httpx

from octopusx_video import _defaults

TIMEOUT = httpx.Timeout(_defaults.READ_SECONDS, connect=_defaults.CONNECT_SECONDS)
"""Seconds that a connection, and each piece of a response, may take."""
MAX_READS = 20
"""Reads of one client that are under way at once; httpx's pool takes longer for each the more there are."""
MAX_SUBMITS = _defaults.MAX_SUBMITS
MAX_STREAMS = 30
"""Downloads of one client at once; with the reads and the submits they are httpx's own 100 connections."""
LIMITS = httpx.Limits(max_connections=MAX_READS + MAX_SUBMITS + MAX_STREAMS, max_keepalive_connections=20)
