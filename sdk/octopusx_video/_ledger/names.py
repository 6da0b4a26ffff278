"""The ids of jobs, and the names of their files: one to one, on any file system."""

from __future__ import annotations

import hashlib
import re

from octopusx_video._messages.requests import shown

MAX_ID_BYTES = 1024
_PLAIN = re.compile(r"[a-z0-9_-](?:[a-z0-9._-]{0,98}[a-z0-9_-])?")
"""An id that is the name of its file: no upper case, which some file systems ignore, and no dot at an end."""
_OTHER = re.compile(r"[^a-z0-9_-]+")
_SLUG_LENGTH = 40
_HASH_LENGTH = 20
_MARK = "~"
"""Stands in no plain id, so that no plain name is that of another id."""


def file_name(job_id: str) -> str:
    """The name of the files of a job, without an ending.

    A plain id is its own name. Any other is shortened to what is plain in it, with a hash of the whole id behind it.
    """
    if _PLAIN.fullmatch(job_id):
        return job_id
    slug = _OTHER.sub("-", job_id.lower())[:_SLUG_LENGTH].strip("-")
    return f"{slug}{_MARK}{hashlib.sha256(job_id.encode()).hexdigest()[:_HASH_LENGTH]}"


def problem(job_id: object) -> str:
    """Why a value can't be the id of a job; "" where it can."""
    if job_id is None:
        return "custom_id is missing; give a text, or leave out all but the body"
    if not isinstance(job_id, str):
        return f"custom_id is {shown(job_id)}; give a text"
    try:
        length = len(job_id.encode())
    except UnicodeEncodeError:
        return f"custom_id {shown(job_id)} holds half of a character (a surrogate); give a text that UTF-8 can encode"
    if not length:
        return "custom_id is empty; give a text, or leave it out in a line that has the body alone"
    if length > MAX_ID_BYTES:
        return f"custom_id {shown(job_id)} is {length} bytes long; {MAX_ID_BYTES} are allowed"
    return ""
