"""Where the site of the documentation (``nox -s docs``) describes a part of the contract. Pure.

The suite names the place in its findings, and the test of the site checks that the section is there.
"""

from __future__ import annotations


def rule_section(rule_id: str, site: str = "") -> str:
    """The address of the section about a numbered rule, such as ``reference/rules/#R08``.

    Args:
        rule_id: The number of the rule.
        site: The base URL of the site, with or without a slash at its end. Without it, the address is relative to the
            first page of the site.
    """
    place = f"reference/rules/#{rule_id}"
    return f"{site.rstrip('/')}/{place}" if site else place
