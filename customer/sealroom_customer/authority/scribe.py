# SPDX-License-Identifier: Apache-2.0
"""Signs what a room says, and seals its secrets to members: `protocol/sealing.md` section 8."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.authority.exchange import Greeting, Letter
from sealroom_customer.sealing.hpke import seal
from sealroom_customer.sealing.schedule import Scope
from sealroom_customer.sealing.signed import sign_body
from sealroom_wire.authority import Change, Place, Secret, Signed, SignedBody
from sealroom_wire.base64url import b64u


class Scribe:
    """Writes for one life of one room."""

    def __init__(self, place: Place, scope: Scope, signing_key: Ed25519PrivateKey) -> None:
        self._place = place
        self._scope = scope
        self._signing_key = signing_key

    def signed(self, body: SignedBody) -> str:
        """A body as it goes over the line."""
        return _text(sign_body(body, self._signing_key))

    def change(self, change: Change) -> tuple[str, str]:
        """A change as it goes over lines, and its bytes, whose hash the next one names."""
        signed = sign_body(change, self._signing_key)
        return _text(signed), signed.body

    def write(self, letter: Letter) -> str:
        """A letter as it goes over its line."""
        if isinstance(letter, Greeting):
            return self.signed(letter.snapshot)
        info = self._scope.secret_info(letter.epoch, letter.step, letter.to)
        enc, ciphertext = seal(letter.secret, letter.public_key, info)
        secret = Secret(
            place=self._place,
            epoch=letter.epoch,
            step=letter.step,
            to=letter.to,
            reason=letter.reason,
            enc=b64u(enc),
            ciphertext=b64u(ciphertext),
            head=letter.head,
        )
        return self.signed(secret)


def _text(signed: Signed) -> str:
    return msgspec.json.encode(signed).decode()
