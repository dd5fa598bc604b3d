# SPDX-License-Identifier: Apache-2.0
"""Loads a deployment with members whose frames are verified one by one, and reports what came of them."""
