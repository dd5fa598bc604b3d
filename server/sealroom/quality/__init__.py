# SPDX-License-Identifier: Apache-2.0
"""What was in which call, and how good it was. It counts packets and sizes; it must never hold, or ask for, what they carry."""
