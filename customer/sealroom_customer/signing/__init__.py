# SPDX-License-Identifier: Apache-2.0
"""What a customer's backend signs: UserSigs and PrivateMapKeys for the operator, grants for the key authority.

A UserSig counts nothing at the authority and a grant nothing at the operator: the operator knows the UserSig's secret.
"""

from sealroom_customer.signing.grants import GrantSigner
from sealroom_customer.signing.tickets import TicketSigner

__all__ = ["GrantSigner", "TicketSigner"]
