# SPDX-License-Identifier: Apache-2.0
"""HTTP and WebSocket listeners: TLS rules, time-outs and limits before any feature sees a request."""
