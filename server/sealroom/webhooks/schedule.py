# SPDX-License-Identifier: Apache-2.0
"""When an event is sent again. Pure: times are arguments, in seconds of one clock.

The first minute is TRTC's: at once after the first failure, then every 10 s, for a minute. Then it is parked, and tried on its own
for a day.
"""

FIRST_MINUTE = 60.0
"""How long an event holds up those behind it in its room."""
AGAIN_SECONDS = 10.0
PARKED_SECONDS = (60.0, 120.0, 300.0, 600.0, 1_200.0, 2_400.0, 3_600.0)
"""Waits of a parked event; the last one from then on."""
DAY = 86_400.0
"""After so long an event is dead."""
DOWN_SECONDS = 10.0
"""An endpoint that did not take an event within its minute is asked again so often, by whatever is due for it."""


def wait_before(attempt: int, now: float, begun: float) -> float | None:
    """Seconds until the attempt of that number (from 1) within the first minute; None where the event is to be parked.

    `begun`: when the event was first due. One that waited behind others for longer than the minute gets one attempt.
    """
    if attempt == 1:
        return 0.0
    wait = 0.0 if attempt == 2 else AGAIN_SECONDS
    return wait if now + wait < begun + FIRST_MINUTE else None


def parked_until(parked: int, now: float, begun: float) -> float | None:
    """When an event that was parked so often (from 1) is due again; None where its day is over by then."""
    due = now + PARKED_SECONDS[min(parked, len(PARKED_SECONDS)) - 1]
    return due if due < begun + DAY else None
