# SPDX-License-Identifier: Apache-2.0
"""Where plain HTTP is spoken, where not, and what a certificate has to do."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from customer.tests.lines import serve
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.asgi import Receive, Scope, Send, answer
from sealroom_customer.http.listen import Certificate, Listening, bind
from sealroom_customer.http.proxies import networks

PROXIES = networks(["10.0.0.0/8"])
PUBLIC = "https://call.example"


def certify(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate for loopback and its key, in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, 200, [], f"{scope['scheme']} {scope['client'][0]}".encode())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    Listening(host).check()


@pytest.mark.parametrize(
    ("listening", "code"),
    [
        (Listening("0.0.0.0"), "tls_required"),
        (Listening("::"), "tls_required"),
        (Listening("192.0.2.1"), "tls_required"),
        (Listening("192.0.2.1", public_url=PUBLIC), "tls_required"),
        (Listening("192.0.2.1", certificate=Path("c")), "certificate_incomplete"),
        (Listening("127.0.0.1", key=Path("k")), "certificate_incomplete"),
        (Listening("192.0.2.1", certificate=Path("c"), key=Path("k")), "public_url_missing"),
        (Listening("192.0.2.1", behind_proxy=PROXIES), "public_url_missing"),
        (
            Listening("127.0.0.1", behind_proxy=PROXIES, public_url="http://call.example"),
            "public_url_missing",
        ),
        (
            Listening("192.0.2.1", behind_proxy=PROXIES, public_url="https://call.example/path"),
            "public_url_missing",
        ),
        (Listening("call.example"), "address_invalid"),
    ],
    ids=repr,
)
def test_anything_else_is_refused_with_what_to_do(listening: Listening, code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        listening.check()
    assert caught.value.code == code
    assert caught.value.action


def test_a_certificate_or_a_named_proxy_is_enough() -> None:
    Listening("0.0.0.0", certificate=Path("c"), key=Path("k"), public_url=PUBLIC).check()
    Listening("0.0.0.0", behind_proxy=PROXIES, public_url=PUBLIC).check()


def test_a_network_that_is_none_is_refused() -> None:
    for text in ("10.0.0.1/8", "everyone", "", "10.0.0.0/33"):
        with pytest.raises(ConfigurationError):
            networks([text])


def test_origins_are_those_people_can_open() -> None:
    assert Listening().origins(8080)[0] == "http://localhost:8080"
    assert Listening("0.0.0.0", public_url="https://Call.example/").origins(1) == (PUBLIC,)


def test_a_taken_port_is_said_so() -> None:
    (first, *others) = bind(Listening())
    try:
        first.listen()
        with pytest.raises(StartError) as caught:
            bind(Listening(port=first.getsockname()[1]))
        assert caught.value.code == "port_taken"
    finally:
        for listener in (first, *others):
            listener.close()


def test_small_answers_are_not_held_back() -> None:
    for listener in bind(Listening()):
        with listener:
            assert listener.proto == socket.IPPROTO_TCP, "asyncio sets TCP_NODELAY on no other"


async def fetch(port: int, context: ssl.SSLContext | None = None, *lines: str) -> bytes:
    """One request over a connection of its own; empty when the server hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(
            "\r\n".join(["GET / HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", ""]).encode()
        )
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        with_error = await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert len(with_error) == 1


async def test_tls_is_spoken_from_1_2_on_and_plain_http_is_not(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    listening = Listening(certificate=certificate, key=key, public_url="https://localhost")
    context = ssl.create_default_context(cafile=str(certificate))
    async with serve(hello, listening) as port:
        assert (await fetch(port, context)).endswith(b"https 127.0.0.1")
        assert b"200" not in await fetch(port)
        old = ssl.create_default_context(cafile=str(certificate))
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await fetch(port, old)


def test_a_new_certificate_is_taken_up_and_a_bad_one_is_not(tmp_path: Path) -> None:
    certificate = Certificate(*certify(tmp_path))
    assert certificate.reload() is None
    certify(tmp_path, "second")
    assert certificate.reload() is True
    (tmp_path / "certificate.pem").write_text("nonsense")
    assert certificate.reload() is False
    (tmp_path / "key.pem").unlink()
    assert certificate.reload() is False
    assert certificate.reload() is None


def test_files_that_do_not_fit_together_do_not_start(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = certify(tmp_path / "other")
    for pair in ((certificate, other), (certificate, tmp_path / "missing"), (key, certificate)):
        with pytest.raises(StartError) as caught:
            Certificate(*pair)
        assert caught.value.code == "certificate_unusable"


async def test_behind_a_proxy_only_the_proxy_is_heard_and_only_about_tls() -> None:
    for network, lines, expected in (
        ("127.0.0.0/8", ("X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.9"), b"https 192.0.2.9"),
        (
            "127.0.0.0/8",
            ("X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.1, 192.0.2.9, 127.0.0.5"),
            b"https 192.0.2.9",
        ),
        ("127.0.0.0/8", ("X-Forwarded-Proto: https",), b"https 127.0.0.1"),
        ("127.0.0.0/8", ("X-Forwarded-Proto: https", "X-Forwarded-For: nonsense"), b"https 127.0.0.1"),
        ("127.0.0.0/8", ("X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.9"), b"tls_required"),
        ("127.0.0.0/8", (), b"tls_required"),
        ("10.0.0.0/8", ("X-Forwarded-Proto: https", "X-Forwarded-For: 10.0.0.1"), b"proxy_not_trusted"),
    ):
        listening = Listening(behind_proxy=networks([network]), public_url=PUBLIC)
        async with serve(hello, listening) as port:
            assert expected in await fetch(port, None, *lines)


async def test_a_request_that_does_not_end_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealroom_customer.http.server._REQUEST_SECONDS", 0.2)
    async with serve(hello) as port:
        for start in (
            b"",
            b"GET / HTTP/1.1\r\nHost: local",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(start)
            got = await asyncio.gather(asyncio.wait_for(reader.read(), 5), return_exceptions=True)
            assert not isinstance(got[0], TimeoutError)
            writer.close()
        assert b"200" in await fetch(port)


async def test_a_head_without_end_is_dropped() -> None:
    async with serve(hello) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 200_000)
        got = await asyncio.gather(asyncio.wait_for(reader.read(), 5), return_exceptions=True)
        assert isinstance(got[0], ConnectionError) or b"200" not in got[0]  # type: ignore[operator]
        writer.close()


def test_more_addresses_are_taken_at_the_same_port() -> None:
    taken = bind(Listening("127.0.0.2", also=("127.0.0.3", "127.0.0.4")))
    try:
        names = [listener.getsockname() for listener in taken]
        assert [host for host, _ in names] == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
        assert len({port for _, port in names}) == 1
    finally:
        for listener in taken:
            listener.close()


def test_all_addresses_are_taken_or_none() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.3", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError):
            bind(Listening("127.0.0.2", port, also=("127.0.0.3",)))
        with socket.socket() as again:
            again.bind(("127.0.0.2", port))


def test_names_need_a_certificate_and_say_where_people_go() -> None:
    listening = Listening("192.0.2.1", certificate=Path("c"), key=Path("k"), names=("192.0.2.1", "a.local"))
    listening.check()
    assert listening.origins(8443) == ("https://192.0.2.1:8443", "https://a.local:8443")
    with pytest.raises(ConfigurationError) as caught:
        Listening("192.0.2.1", names=("192.0.2.1",)).check()
    assert caught.value.code == "tls_required"


def test_nothing_is_left_bound_after_a_failed_bind() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError):
            bind(Listening(port=port))
