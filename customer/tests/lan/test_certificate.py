# SPDX-License-Identifier: Apache-2.0
"""A device that trusts the demo's authority trusts it for this machine's local addresses, and for nothing else."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from customer.tests.lines import serve
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.asgi import Receive, Scope, Send, answer
from sealroom_customer.http.listen import Listening
from sealroom_customer.lan import certificate
from sealroom_customer.lan.addresses import local_addresses, multicast_name, own_addresses
from sealroom_customer.lan.certificate import AUTHORITY_LIFE, LEAF_LIFE, Issued, issue
from sealroom_customer.lan.place import Place

NOW = dt.datetime.now(dt.UTC)
NAMES, ADDRESSES = ("laptop.local", "localhost"), ("192.168.1.7", "127.0.0.1")


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, 200, [], b"hello")


async def greeted(issued: Issued, trusted: Path | None, name: str) -> bool:
    """Whether somebody who trusts this file, and knows the server as `name`, gets an answer."""
    context = ssl.create_default_context(cafile=None if trusted is None else str(trusted))
    listening = Listening(certificate=issued.leaf_file, key=issued.leaf_file, names=("127.0.0.1",))
    async with serve(hello, listening) as port:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=name
            )
        except ssl.SSLCertVerificationError:
            return False
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return got.endswith(b"hello")


async def test_the_chain_verifies_by_its_authority_and_by_no_other(tmp_path: Path) -> None:
    issued = issue(tmp_path / "one", NAMES, ADDRESSES, NOW)
    other = issue(tmp_path / "other", NAMES, ADDRESSES, NOW)
    for name in (*NAMES, *ADDRESSES):
        assert await greeted(issued, issued.authority_file, name), name
    assert not await greeted(issued, issued.authority_file, "192.168.1.8")
    assert not await greeted(issued, other.authority_file, "localhost")
    assert not await greeted(issued, None, "localhost")


@pytest.mark.parametrize(
    ("names", "addresses"),
    [
        (("call.example", "localhost"), ()),
        (("evil.laptop.local.example",), ()),
        (("other.local",), ()),
        ((), ("8.8.8.8",)),
        ((), ("2001:db8::1",)),
    ],
)
async def test_whoever_has_the_authoritys_key_can_be_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], addresses: tuple[str, ...]
) -> None:
    issue(tmp_path, NAMES, ADDRESSES, NOW)
    # As a thief would: the same key signs for whatever he likes.
    monkeypatch.setattr(certificate, "_may_name", lambda *_: True)
    stolen = issue(tmp_path, names, addresses, NOW)
    for name in (*names, *addresses):
        assert not await greeted(stolen, stolen.authority_file, name)


def test_keys_are_for_this_user_only_and_kept_while_they_fit(tmp_path: Path) -> None:
    first = issue(tmp_path / "lan", NAMES, ADDRESSES, NOW)
    assert (tmp_path / "lan").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "lan").iterdir()} == {0o600}
    assert b"PRIVATE" not in first.authority_file.read_bytes()
    leaf = first.leaf_file.read_bytes()
    again = issue(tmp_path / "lan", NAMES, ADDRESSES, NOW + dt.timedelta(days=1))
    assert (again.authority, again.leaf_file.read_bytes()) == (first.authority, leaf)
    moved = issue(tmp_path / "lan", NAMES, ("10.0.0.9", "127.0.0.1"), NOW)
    assert moved.authority == first.authority, "devices need not import anew"
    assert moved.leaf_file.read_bytes() != leaf
    (tmp_path / "lan" / "authority-key.pem").chmod(0o644)
    with pytest.raises(StartError) as caught:
        issue(tmp_path / "lan", NAMES, ADDRESSES, NOW)
    assert caught.value.code == "file_readable_by_others"


def test_what_ends_soon_is_renewed_and_what_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    first = issue(tmp_path, NAMES, ADDRESSES, NOW)
    leaf = first.leaf_file.read_bytes()
    late = issue(tmp_path, NAMES, ADDRESSES, NOW + LEAF_LIFE - dt.timedelta(days=1))
    assert late.authority == first.authority
    assert late.leaf_file.read_bytes() != leaf
    renamed = issue(tmp_path, ("desktop.local", "localhost"), ADDRESSES, NOW)
    assert renamed.fingerprint != first.fingerprint
    end = NOW + AUTHORITY_LIFE - dt.timedelta(days=1)
    anew = issue(tmp_path, ("desktop.local", "localhost"), ADDRESSES, end)
    assert anew.authority.not_valid_after_utc > end + dt.timedelta(days=60)
    for name in ("authority-key.pem", "certificate.pem"):
        (tmp_path / name).write_bytes(b"nonsense")
        mended = issue(tmp_path, NAMES, ADDRESSES, NOW)
        assert x509.load_pem_x509_certificate(mended.leaf_file.read_bytes())


def test_only_addresses_of_local_networks_count() -> None:
    found = [
        "8.8.8.8",
        "10.1.2.3",
        "127.0.0.1",
        "fd00::1",
        "192.168.0.4",
        "169.254.7.7",
        "172.32.0.1",
        "100.64.0.1",
    ]
    assert set(local_addresses(found)) == {"10.1.2.3", "192.168.0.4", "169.254.7.7", "100.64.0.1"}
    assert set(own_addresses()) == set(local_addresses(own_addresses()))


@pytest.mark.parametrize(
    ("host", "name"),
    [("Laptop", "laptop.local"), ("dev", "dev.local"), ("a.example.org", "a.local"), ("ä", None), ("", None)],
)
def test_the_name_is_one_of_multicast_dns_only(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str | None
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert multicast_name() == name


def test_a_place_listens_where_it_says_and_nowhere_else(tmp_path: Path) -> None:
    place = Place.prepare(tmp_path, ("192.168.1.7", "10.0.0.2"), NOW.timestamp())
    listening = place.listening(8443)
    listening.check()
    assert {listening.host, *listening.also} == {"192.168.1.7", "10.0.0.2", "127.0.0.1"}
    assert listening.origins(8443)[0] == "https://192.168.1.7:8443"
    assert "https://localhost:8443" in listening.origins(8443)
    leaf = x509.load_pem_x509_certificate(place.issued.leaf_file.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    shown = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    assert shown == set(place.hosts), "every origin is under the certificate"
    for public in ("8.8.8.8", "2001:db8::1", "call.example"):
        with pytest.raises(ConfigurationError) as caught:
            Place.prepare(tmp_path, (public,), NOW.timestamp())
        assert caught.value.code == "address_not_local"


async def test_the_authoritys_certificate_is_given_out_without_its_key(tmp_path: Path) -> None:
    place = Place.prepare(tmp_path, ("127.0.0.1",), NOW.timestamp())
    sent: list[object] = []

    async def keep(message: object) -> None:
        sent.append(message)

    await place.certificate({}, asyncio.sleep, keep)  # type: ignore[arg-type]
    body = sent[1]["body"]  # type: ignore[index]
    assert x509.load_der_x509_certificate(body) == place.issued.authority
    public = place.issued.authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public in body


async def test_a_running_demo_renews_its_certificate_and_says_once_that_addresses_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealroom_customer.lan.place._LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr("sealroom_customer.lan.place.own_addresses", lambda: ("192.168.1.8",))
    place = Place.prepare(tmp_path, ("192.168.1.7",), NOW.timestamp())
    leaf = place.issued.leaf_file.read_bytes()
    said: list[str] = []
    looks = 0

    def unix() -> float:
        nonlocal looks
        looks += 1
        if looks == 4:
            raise asyncio.CancelledError
        return (NOW + LEAF_LIFE).timestamp()

    with pytest.raises(asyncio.CancelledError):
        await place.keep(unix, said.append)
    assert place.issued.leaf_file.read_bytes() != leaf
    assert len(said) == 1
    assert "start it again" in said[0]
