# SPDX-License-Identifier: Apache-2.0
"""Sealroom, the customer's side: signing, key authority, client, call page. Holds keys; never imports `sealroom`."""

__version__ = "0.1.0"
