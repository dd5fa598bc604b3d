# SPDX-License-Identifier: Apache-2.0
"""Callbacks to customers, as TRTC's: events of rooms and media, signed, in order, kept until they are taken. It must never reach
into the operator's own network, nor hold a call up.
"""
