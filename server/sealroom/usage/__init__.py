# SPDX-License-Identifier: Apache-2.0
"""How much was used, from what the engine forwarded. Rules are in docs/usage.md. It must never count what it only supposes."""
