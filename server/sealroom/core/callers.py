# SPDX-License-Identifier: Apache-2.0
"""Who may call: every HTTP route and every WebSocket message names one of these. A test fails on one that does not."""

from enum import StrEnum


class Caller(StrEnum):
    """Who may call a route or send a message."""

    ANYONE = "anyone"
    """Nobody has shown who he is yet; must cost little and tell nothing."""
    PARTICIPANT = "participant"
    """Somebody whose UserSig was verified and who is in a room."""
    API_KEY = "api_key"
    """A customer's backend whose request is signed with an API key of its account."""
    ADMIN_LISTENER = "admin_listener"
    """Whoever reaches the admin listener, which is bound to loopback unless the operator says otherwise."""
