# SPDX-License-Identifier: Apache-2.0
"""Rooms and who is in them. `service.RoomService` is the only writer of their state; it must never look into media."""
