# SPDX-License-Identifier: Apache-2.0
"""Sites: which one this process belongs to, where other sites' applications are served, and receipts of where a call's data lies.

**What belongs to another site is answered with that site's endpoint, and nothing of it is written here.**
"""
