# SPDX-License-Identifier: Apache-2.0
"""The demo for devices on the same network: one origin under a certificate of this machine's own, the operator's signalling passed on.

Never for more than trying things out: **whoever reaches it may be anybody**, and only addresses that no router passes on are served.
"""

from sealroom_customer.lan.passing import PassThrough
from sealroom_customer.lan.place import Place

__all__ = ["PassThrough", "Place"]
