# SPDX-License-Identifier: Apache-2.0
"""What whoever runs the server sees and does: start, drain, health, metrics, and what `deploy/` ships for it."""
