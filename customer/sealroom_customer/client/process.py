# SPDX-License-Identifier: Apache-2.0
"""How busy and how large this process is: all of it, whatever shares it with a client."""

import os
import sys
from pathlib import Path

from sealroom_wire.reports import Pressure

_MIB = 2**20
_STATM = Path("/proc/self/statm")
_BUSY = ((0.35, Pressure.NOMINAL), (0.6, Pressure.FAIR), (0.85, Pressure.SERIOUS))
"""Up to which share of one core which word holds; beyond the last it is critical. Operators draw the words as 25, 50, 75 and 95 %."""


def pressure_of(seconds: float, span: float) -> Pressure:
    """The word for so many seconds of processor time in an interval. Python runs on one core, however many there are."""
    share = seconds / span
    return next((word for most, word in _BUSY if share <= most), Pressure.CRITICAL)


def resident() -> int | None:
    """Memory that it takes, MiB. Where the system tells only the most that it ever took, that; None where it tells neither."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE") // _MIB
    except (OSError, ValueError, IndexError):
        return _largest()


def _largest() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, others kibibytes.
    return most // (_MIB if sys.platform == "darwin" else 1024)
