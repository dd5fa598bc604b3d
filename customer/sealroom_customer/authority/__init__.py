# SPDX-License-Identifier: Apache-2.0
"""The key authority: admits members by grants, sends each the room's secret sealed to its key, signs the roster.

Membership is what it sees on its own lines, never what the operator says. **It writes nothing of any room to disk and no secret to
a log.** The rules are in `room` and `admission`, which know no clock, socket or disk; `service` and `line` connect them to the world.
"""

from sealroom_customer.authority.service import Authority

__all__ = ["Authority"]
