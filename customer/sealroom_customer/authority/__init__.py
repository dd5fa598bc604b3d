# SPDX-License-Identifier: Apache-2.0
"""The customer's key authority: admits members by grants and sends each the room's secret, sealed to the member's own key.

Must never write anything of a room to disk, log a secret, or take the operator's word for who is a member.
"""
