# SPDX-License-Identifier: Apache-2.0
"""Formats that both sides of Sealroom speak.

Pure: no I/O, no clock, no global state. Must never import `sealroom` or `sealroom_customer`.
"""

PROTOCOL_VERSION = 1
"""Version of the signalling protocol; a server speaks this one and, from version 2 on, the one before."""
