# SPDX-License-Identifier: Apache-2.0
"""What a customer's backend signs: UserSigs and PrivateMapKeys for the operator, grants for the authority."""

from sealroom_customer.signing.grants import GrantSigner
from sealroom_wire.usersig import Privilege, sign_private_map_key, sign_user_sig

__all__ = ["GrantSigner", "Privilege", "sign_private_map_key", "sign_user_sig"]
