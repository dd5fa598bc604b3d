# SPDX-License-Identifier: Apache-2.0
"""What authority and client must compute alike: key schedule, sealed secrets, signed bodies (`protocol/sealing.md` 2, 3, 8).

Pure. Never logs, never keeps a secret.
"""
