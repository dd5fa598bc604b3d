# SPDX-License-Identifier: Apache-2.0
"""Sealroom, the operator's side: signalling, rooms, media engine.

Carries what it cannot read: it holds no key of a call, and must never import `sealroom_customer` or a cipher.
"""
