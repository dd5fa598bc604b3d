# SPDX-License-Identifier: Apache-2.0
"""The routes, by noun. Each is thin: whose is it, what was it made from, what does the service say."""
