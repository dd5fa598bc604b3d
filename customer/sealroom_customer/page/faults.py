# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a served page: one code each, a sentence, and what to do."""

from enum import StrEnum


class Fault(StrEnum):
    """Why a served page is not the released one, or cannot be shown to be."""

    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    REDIRECTED = "redirected"
    STATUS_UNEXPECTED = "status_unexpected"
    FILE_MISSING = "file_missing"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    ENCODING_UNEXPECTED = "encoding_unexpected"
    ENCODING_BROKEN = "encoding_broken"
    CONTENT_DIFFERS = "content_differs"
    TYPE_DIFFERS = "type_differs"
    POLICY_DIFFERS = "policy_differs"
    HEADER_DIFFERS = "header_differs"
    HEADER_UNEXPECTED = "header_unexpected"
    REFERENCE_UNKNOWN = "reference_unknown"
    SCRIPT_INLINE = "script_inline"
    MANIFEST_MISSING = "manifest_missing"
    MANIFEST_INVALID = "manifest_invalid"
    MANIFEST_DIFFERS = "manifest_differs"
    SIGNATURE_INVALID = "signature_invalid"
    VERSION_UNEXPECTED = "version_unexpected"
    UNSIGNED = "unsigned"
    SIGNER_UNKNOWN = "signer_unknown"


NOT_VOUCHED_FOR = frozenset({Fault.UNSIGNED, Fault.SIGNER_UNKNOWN})
"""Nothing differs from the list that the server itself gives, but nobody who is trusted vouches for that list."""

_LOOK_AT_SERVER = (
    "Do not use this page until you know why: somebody may have changed it on the way or at the server."
)
_PROXY = "Look for a proxy or CDN that rewrites answers, and switch that off for the page."
_REACH = "Check the address, the network and the server, then run this again."

TEXTS: dict[Fault, tuple[str, str]] = {
    Fault.UNREACHABLE: ("The server did not answer.", _REACH),
    Fault.TLS_FAILED: (
        "The server's certificate is not trusted, or TLS failed.",
        "Mend the certificate; for an authority of your own, name its file with --ca.",
    ),
    Fault.REDIRECTED: (
        "The server sends browsers elsewhere.",
        "Verify the address that people end at, and give them that one.",
    ),
    Fault.STATUS_UNEXPECTED: ("The server answered with an unexpected status.", _REACH),
    Fault.FILE_MISSING: ("A file of the release is not served.", "Deploy the release whole."),
    Fault.TOO_LARGE: ("The answer is larger than the released file.", _LOOK_AT_SERVER),
    Fault.TOO_SLOW: ("The answer did not end in time.", _REACH),
    Fault.ENCODING_UNEXPECTED: ("The answer has an encoding that was not asked for.", _PROXY),
    Fault.ENCODING_BROKEN: ("The answer cannot be decoded whole.", _LOOK_AT_SERVER),
    Fault.CONTENT_DIFFERS: ("The served bytes are not those of the release.", _LOOK_AT_SERVER),
    Fault.TYPE_DIFFERS: ("The file is served as another type.", _PROXY),
    Fault.POLICY_DIFFERS: (
        "The content security policy is not the one the page needs.",
        "Send the policy that `sealroom_customer.page` sends, on every answer, once.",
    ),
    Fault.HEADER_DIFFERS: (
        "A header that binds the browser is missing or has another value.",
        "Send the headers that `sealroom_customer.page` sends.",
    ),
    Fault.HEADER_UNEXPECTED: (
        "A header loads something, weakens the page or reports from it.",
        "Take the header out of the answer.",
    ),
    Fault.REFERENCE_UNKNOWN: ("Something outside of the release is referred to.", _LOOK_AT_SERVER),
    Fault.SCRIPT_INLINE: ("There is a script within the page itself.", _LOOK_AT_SERVER),
    Fault.MANIFEST_MISSING: (
        "The server has no manifest of the release.",
        "Deploy the release whole, `manifest.json` too; `make web` writes it.",
    ),
    Fault.MANIFEST_INVALID: (
        "The manifest is not what a build of the page writes.",
        "Deploy the release again.",
    ),
    Fault.MANIFEST_DIFFERS: ("The manifest or its signature is not the same to everybody.", _LOOK_AT_SERVER),
    Fault.SIGNATURE_INVALID: ("The manifest's signature is wrong.", _LOOK_AT_SERVER),
    Fault.VERSION_UNEXPECTED: (
        "The page is of another release than was expected.",
        "Deploy that release, or name the one you mean with --version.",
    ),
    Fault.UNSIGNED: (
        "The build is not signed: nobody vouches for it, as with every development build.",
        "Deploy a signed release, or compare with a build of your own: --built FOLDER.",
    ),
    Fault.SIGNER_UNKNOWN: (
        "No key that is trusted here has signed the build.",
        "Name the key that your release is signed with: --key.",
    ),
}


class NotServed(Exception):  # noqa: N818 - says what is so, not that something failed
    """An answer that never became one. `detail` says more than the fault's sentence; it may come from the server."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail
