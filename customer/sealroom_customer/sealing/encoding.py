# SPDX-License-Identifier: Apache-2.0
"""How bytes are written in the authority's messages."""

from sealroom_wire.base64url import b64u, from_b64u

__all__ = ["b64u", "from_b64u"]
