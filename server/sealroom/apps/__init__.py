# SPDX-License-Identifier: Apache-2.0
"""Applications of customers: who may use them, from which pages, with which rights. Never hands out a secret key."""
