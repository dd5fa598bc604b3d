# SPDX-License-Identifier: Apache-2.0
"""Where an endpoint may lie: every form in which an address of the operator's own network can come."""

import ipaddress

import pytest

from sealroom import reachable
from sealroom.core.config import Configuration
from sealroom.core.config.schema import (
    AdminSettings,
    ApiSettings,
    MediaSettings,
    SignallingSettings,
    WebhookSettings,
)
from sealroom.core.errors import ConfigurationError
from sealroom.webhooks.address import Addresses, read_addresses

REFUSED = {
    "0.0.0.0": "this host", "10.1.2.3": "private", "100.64.0.1": "shared by a carrier", "127.0.0.1": "loopback",
    "127.255.255.254": "loopback", "169.254.169.254": "link-local, metadata of clouds", "172.31.0.1": "private",
    "192.0.0.8": "protocol", "192.0.2.1": "documentation", "192.88.99.1": "relay", "192.168.1.1": "private",
    "198.18.0.1": "benchmarks", "198.51.100.1": "documentation", "203.0.113.1": "documentation", "224.0.0.1": "multicast",
    "255.255.255.255": "broadcast", "240.0.0.1": "reserved",
    "::": "nothing", "::1": "loopback", "fe80::1": "link-local", "fec0::1": "site-local", "fc00::1": "ULA", "fd12:3456::1": "ULA",
    "ff02::1": "multicast", "100::1": "discard", "2001:db8::1": "documentation", "3fff::1": "documentation",
    "2001:2::1": "benchmarks", "2001:20::1": "ORCHID", "5f00::1": "SRv6", "4000::1": "not given out",
    "::ffff:127.0.0.1": "mapped", "::ffff:10.0.0.1": "mapped", "::ffff:a9fe:a9fe": "mapped", "::127.0.0.1": "compatible",
    "::ffff:0:127.0.0.1": "translated (SIIT)",
    "64:ff9b::127.0.0.1": "NAT64", "64:ff9b::10.0.0.1": "NAT64", "64:ff9b::a9fe:a9fe": "NAT64",
    "64:ff9b:1::10.0.0.1": "local NAT64, 96 bits", "64:ff9b:1:a00:0:100::": "local NAT64, 48 bits",
    "64:ff9b:1:0a:0:1::": "local NAT64, 56 bits", "64:ff9b:1:0:a:0:100:0": "local NAT64, 64 bits",
    "64:ff9b:1:1:2:3:4:5": "local NAT64, no form of it", "64:ff9b:2::8.8.8.8": "not a prefix that is known",
    "2002:7f00:1::": "6to4", "2002:a00:1::1": "6to4", "2002:a9fe:a9fe::": "6to4",
    "2001:0:808:808::f5ff:fffe": "Teredo, client 10.0.0.1", "2001:0:a00:1::f7f7:f7f7": "Teredo, server 10.0.0.1",
    "2606:4700::5efe:10.0.0.1": "ISATAP", "2606:4700::200:5efe:192.168.0.1": "ISATAP",
}  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::", "2001:0:808:808::f7f7:f7f7", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: f"{text} {REFUSED[text]}")
def test_nobody_reaches_the_operators_network(text: str) -> None:
    for in_clear in (True, False):
        assert not Addresses().may_reach(ipaddress.ip_address(text), in_clear=in_clear)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached_with_tls_alone(text: str) -> None:
    assert Addresses().may_reach(ipaddress.ip_address(text), in_clear=False)
    assert not Addresses().may_reach(ipaddress.ip_address(text), in_clear=True)


def test_a_network_that_is_allowed_is_reached_in_every_form_and_its_neighbour_is_not() -> None:
    some = Addresses([ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32")])
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:1::1"):
        assert some.may_reach(ipaddress.ip_address(text), in_clear=True), text
    for text in ("10.2.0.1", "::ffff:10.2.0.1", "64:ff9b::10.2.0.1", "fd00:2::1", "127.0.0.1"):
        assert not some.may_reach(ipaddress.ip_address(text), in_clear=False), text


def test_an_address_of_a_link_and_what_is_none_are_left_out() -> None:
    assert [str(one) for one in read_addresses(["fe80::1%eth0", "8.8.8.8%lo", "nonsense", "9.9.9.9"])] == [
        "9.9.9.9"
    ]


OWN = ["2606:4700::77", "8.8.8.8"]
"""Public addresses of the operator's own machines."""
FORMS = [
    "8.8.8.8",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1:808:8:800::",
    "2002:808:808::1",
    "2606:4700::77",
]


@pytest.mark.parametrize("text", FORMS)
def test_the_operators_own_public_addresses_are_refused_in_every_form(text: str) -> None:
    """Customers' servers they are not; and what listens there beside our own programs may be for the operator alone."""
    some = Addresses(own=lambda: map(ipaddress.ip_address, OWN))
    assert not some.may_reach(ipaddress.ip_address(text), in_clear=False)
    assert some.may_reach(ipaddress.ip_address("64:ff9b::8.8.4.4"), in_clear=False)
    mapped = Addresses(own=lambda: [ipaddress.ip_address("::ffff:8.8.8.8")])
    assert text == OWN[0] or not mapped.may_reach(ipaddress.ip_address(text), in_clear=False)


def test_an_address_of_our_own_in_a_network_that_is_allowed_is_reached() -> None:
    some = Addresses([ipaddress.ip_network("8.8.8.8/32")], own=lambda: map(ipaddress.ip_address, OWN))
    assert some.may_reach(ipaddress.ip_address("8.8.8.8"), in_clear=True)


@pytest.mark.parametrize("text", FORMS)
def test_what_is_denied_is_reached_in_no_form_and_by_no_allowance(text: str) -> None:
    networks = [ipaddress.ip_network("8.8.0.0/16"), ipaddress.ip_network("2606:4700::/32")]
    everything = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    assert not Addresses(everything, networks).may_reach(ipaddress.ip_address(text), in_clear=False)


def test_a_denied_prefix_of_a_translator_is_denied_itself() -> None:
    some = Addresses(deny=[ipaddress.ip_network("64:ff9b::/96")])
    assert not some.may_reach(ipaddress.ip_address("64:ff9b::9.9.9.9"), in_clear=False)
    assert some.may_reach(ipaddress.ip_address("9.9.9.9"), in_clear=False)


def test_the_configuration_and_this_machine_say_what_is_the_operators_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reachable, "interface_addresses", lambda: [ipaddress.ip_address("9.9.9.9")])
    configuration = Configuration(
        signalling=SignallingSettings(listen="[2606:4700::1]:443", public_url="wss://8.8.4.4/rtc/v1"),
        api=ApiSettings(listen="1.0.0.1:443", public_url="https://api.sg.example"),
        admin=AdminSettings(listen="1.0.0.2:9464"),
        media=MediaSettings(addresses=("1.0.0.3",)),
        webhooks=WebhookSettings(deny=("1.0.1.0/24",)),
    )
    some = reachable.webhook_addresses(configuration)
    for text in (
        "9.9.9.9",
        "2606:4700::1",
        "64:ff9b::8.8.4.4",
        "1.0.0.1",
        "1.0.0.2",
        "::ffff:1.0.0.3",
        "1.0.1.9",
    ):
        assert not some.may_reach(ipaddress.ip_address(text), in_clear=False), text
    assert some.may_reach(ipaddress.ip_address("1.0.0.4"), in_clear=False)
    wrong = Configuration(webhooks=WebhookSettings(deny=("1.0.1.1/24",)))
    with pytest.raises(ConfigurationError, match=r"webhooks\.deny"):
        reachable.webhook_addresses(wrong)
