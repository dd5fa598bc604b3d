# SPDX-License-Identifier: Apache-2.0
"""The operator's room: the sessions in it, one after the other, and what is sent, shown and said there. **Nothing here holds a key.**"""
