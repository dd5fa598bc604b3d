# SPDX-License-Identifier: Apache-2.0
"""Offers of browsers, read strictly and answered. Pure: text in, text and the engine's session out.

**Whatever the text, nothing but `Refusal` is raised, and the work is linear in at most `MAX_SDP_BYTES`.**
"""
