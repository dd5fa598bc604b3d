# SPDX-License-Identifier: Apache-2.0
"""TRTC's v3 REST API (2019-07-22), so that a backend written for TRTC works with another endpoint and another key.

**It never says that something was done which was not**: an action that is not served answers `UnsupportedOperation` by its name.
It holds no rules and no data of its own; both are behind the ports in `services.py`.
"""
