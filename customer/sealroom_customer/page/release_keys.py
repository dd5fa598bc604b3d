# SPDX-License-Identifier: Apache-2.0
"""The public keys that sign releases of the call page, as `sealroom-customer sign-page` prints them.

**Whoever holds the private half of one can put another page under every call.** A key is added here by a commit of its own, with
who holds it; one that is no longer used is taken out in the release after. There was no release yet, so nobody is trusted yet.
"""

RELEASE_KEYS: tuple[str, ...] = ()
