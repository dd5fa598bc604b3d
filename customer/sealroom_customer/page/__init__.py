# SPDX-License-Identifier: Apache-2.0
"""The call page: files built by `make web`, served under a strict content security policy. Never runs code of its own."""
