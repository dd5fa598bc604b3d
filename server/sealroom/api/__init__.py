# SPDX-License-Identifier: Apache-2.0
"""The API `/v1` of what TRTC has no action for, for customers' backends. **Nothing of another account is ever told from what is not there.**"""
