r"""Replace what a regular expression matches in files, on any machine with Python: the commands of CHANGING.md use it.

python3 docs/changing/replace.py [--first] [--after PATTERN] PATTERN REPLACEMENT FILE...

``^`` and ``$`` match at each line. The replacement may have ``\1``, ``\g<0>`` and ``\n``. ``--first`` replaces the
first match of each file alone, ``--after`` leaves alone what stands before a match of another pattern.

Exit status: 0 each file is changed, 1 one has no match and nothing is written, 2 an argument can't be used.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path


def main() -> int:
    """Replace, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("--first", action="store_true", help="the first match of each file alone")
    parser.add_argument("--after", default="", metavar="PATTERN", help="only behind the first match of this one")
    parser.add_argument("pattern")
    parser.add_argument("replacement")
    parser.add_argument("files", nargs="+", type=Path, metavar="file")
    options = parser.parse_args()
    changed: dict[Path, str] = {}
    for file in options.files:
        text = file.read_text("utf-8")
        begin = re.search(options.after, text, re.MULTILINE)
        at = begin.end() if begin else len(text)
        new, count = re.subn(
            options.pattern, options.replacement, text[at:], count=int(options.first), flags=re.MULTILINE
        )
        if not count:
            sys.stderr.write(f"error: {file} has no match of {options.pattern!r}\n")
            return 1
        changed[file] = text[:at] + new
    for file, text in changed.items():
        file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
