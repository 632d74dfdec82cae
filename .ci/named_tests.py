#!/usr/bin/env python3
"""Fails if the manual names a test that does not exist.

In the tables of docs/security.md and docs/faults.md every `snake_case_name` in the last column is a test's.
"""
import pathlib
import re
import subprocess
import sys

PAGES = ["docs/security.md", "docs/faults.md"]

sources = subprocess.run(
    ["git", "ls-files", "*.rs"], check=True, capture_output=True, text=True
).stdout.split()
code = "\n".join(pathlib.Path(name).read_text(encoding="utf-8") for name in sources)
known = set(re.findall(r"\bfn ([a-z][a-z0-9_]*)", code))
missing = []
for page in PAGES:
    for line in pathlib.Path(page).read_text(encoding="utf-8").splitlines():
        cells = line.strip().strip("|").split("|")
        if len(cells) < 3:
            continue
        for name in re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`", cells[-1]):
            if name not in known:
                missing.append(f"{page}: {name}")
print("\n".join(missing) or f"named tests: all of {len(PAGES)} pages exist")
sys.exit(bool(missing))
