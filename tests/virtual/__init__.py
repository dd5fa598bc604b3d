# SPDX-License-Identifier: Apache-2.0
"""The operator's engine and answerer against `str0m` clients, in virtual time."""
