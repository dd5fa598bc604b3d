# SPDX-License-Identifier: Apache-2.0
"""A demo customer in one process: backend, key authority and call page.

**Anybody who can reach it may be anybody**: the backend signs for every name it is asked for. It is for trying things out, and
the smallest example of what a real backend does after it has checked who is asking.
"""
