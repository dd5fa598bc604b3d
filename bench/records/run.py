# SPDX-License-Identifier: Apache-2.0
"""Measures records and the audit log: what stores and journal take, and how soon they answer. `method.md` says how.

`python bench/records/run.py [PART ...] [--no-save]` measures the parts named, or all there are, prints a table with the bars and
keeps it with the raw numbers under `results/`. The exit code is 1 when a bar is missed or a part fails.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.runner import main

PARTS = ("journal", "sqlite", "opensearch", "query", "audit")
"""In the order in which they are shown."""

if __name__ == "__main__":
    sys.exit(main("records", PARTS, __doc__))
