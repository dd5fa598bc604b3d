# SPDX-License-Identifier: Apache-2.0
"""The operator's engine and members' clients on one virtual network, in virtual time. For tests; never shipped."""

from sealroom_sim._native import Mesh, SealedH264, World

__all__ = ["Mesh", "SealedH264", "World"]
