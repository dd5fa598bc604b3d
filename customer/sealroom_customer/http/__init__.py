# SPDX-License-Identifier: Apache-2.0
"""Listeners: TLS rules, trusted proxies and limits before anything else sees a request. Knows no feature."""
