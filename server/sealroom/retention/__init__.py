# SPDX-License-Identifier: Apache-2.0
"""What is older than the catalogue allows goes, class by class, every day. It must never keep a list of its own."""
