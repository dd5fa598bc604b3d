# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of this machine's own, and the certificate that it gives this machine (RFC 5280).

A device that trusts the authority trusts whoever has its key, so it may speak for addresses of local networks and for this machine's
multicast name only, and ends after some weeks. Both keys are 0600 and stay in their folder.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealroom_customer.authority.identity import private_folder, read_private, replace_private
from sealroom_customer.lan.addresses import NETWORKS

AUTHORITY_LIFE = dt.timedelta(days=90)
"""How long devices keep what they imported. Longer asks people less often, and leaves a forgotten trust for longer."""
_AUTHORITY_LEAST = dt.timedelta(days=7)
"""Less than this left, and a start makes a new one."""
LEAF_LIFE = dt.timedelta(days=7)
_LEAF_LEAST = dt.timedelta(days=2)
_BACK = dt.timedelta(hours=1)
"""For devices whose clock is slow."""
_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Both, key first."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Issued:
    """What is on disk, ready to be served."""

    authority: x509.Certificate
    authority_file: Path
    """PEM, without the key: what programs of this machine trust."""
    leaf_file: Path
    """PEM of the certificate and its key, in one file so that both change at once."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate, as devices show it."""
        return self.authority.fingerprint(hashes.SHA256()).hex(":").upper()


def issue(folder: Path, names: Sequence[str], addresses: Sequence[str], now: dt.datetime) -> Issued:
    """Makes what is missing, does not fit or ends soon, and leaves the rest.

    Raises:
        StartError: the folder cannot be used, or others may read a key in it.
    """
    folder = private_folder(folder)
    authority_file, leaf_file = folder / "authority.pem", folder / "certificate.pem"
    domains = [name for name in names if name != "localhost"]
    authority = _kept(folder / "authority-key.pem")
    if authority is None or not _may_name(authority.certificate, domains, now):
        authority = _authority(domains, now)
        replace_private(folder / "authority-key.pem", authority.pem)
    replace_private(authority_file, authority.certificate.public_bytes(Encoding.PEM))
    leaf = _kept(leaf_file)
    if leaf is None or not _serves(leaf.certificate, authority.certificate, names, addresses, now):
        replace_private(leaf_file, _leaf(authority, names, addresses, now).pem)
    return Issued(authority.certificate, authority_file, leaf_file)


def _kept(path: Path) -> Pair | None:
    """What an earlier start left; None when there is nothing, or not that."""
    octets = read_private(path)
    if octets is None:
        return None
    try:
        key, certificate = load_pem_private_key(octets, None), x509.load_pem_x509_certificate(octets)
    except (ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    return Pair(certificate, key)


def _may_name(authority: x509.Certificate, domains: Sequence[str], now: dt.datetime) -> bool:
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return False
    permitted = [
        name.value for name in constraints.permitted_subtrees or () if isinstance(name, x509.DNSName)
    ]
    return set(domains) <= set(permitted) and authority.not_valid_after_utc - now > _AUTHORITY_LEAST


def _serves(
    leaf: x509.Certificate,
    authority: x509.Certificate,
    names: Sequence[str],
    addresses: Sequence[str],
    now: dt.datetime,
) -> bool:
    try:
        shown = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return (
        set(shown.get_values_for_type(x509.DNSName)) == set(names)
        and {str(one) for one in shown.get_values_for_type(x509.IPAddress)} == set(addresses)
        and leaf.not_valid_after_utc - now > _LEAF_LEAST
    )


def _authority(domains: Sequence[str], now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Sealroom demo of {now:%Y-%m-%d %H:%M}")])
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in ("localhost", *domains)]
    permitted += [x509.IPAddress(network) for network in (*NETWORKS, _LOOPBACK)]
    builder = (
        _certificate(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _leaf(authority: Pair, names: Sequence[str], addresses: Sequence[str], now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sealroom demo")])
    shown: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    shown += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _certificate(subject, authority.certificate.subject, key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(shown), critical=False)
        .add_extension(issuer, critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + life)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
