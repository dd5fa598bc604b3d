# SPDX-License-Identifier: Apache-2.0
"""The WebSocket that clients speak (`sealroom_wire.signalling`). Decides nothing about rooms, and never echoes a token."""
