# SPDX-License-Identifier: Apache-2.0
"""Run inside a test's own namespace: sends Binding requests whose source address is somebody else's.

`python -m tests.hostile.spoof SOURCE DESTINATION PORT UFRAG PASSWORD COUNT` prints the bytes of UDP payload it sent.
"""

import socket
import struct
import sys
import time

from tests.hostile.stun import binding_request

SOURCE_PORT = 40000


def datagram(source: str, destination: str, port: int, payload: bytes) -> bytes:
    """An IPv4 packet with a UDP datagram; checksums left to the kernel (IP) and off (UDP over IPv4)."""
    udp = struct.pack(">HHHH", SOURCE_PORT, port, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    return head + socket.inet_aton(source) + socket.inet_aton(destination) + udp


def main(source: str, destination: str, port: int, ufrag: str, password: str, count: int) -> int:
    """Sends `count` requests, 5 ms apart."""
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for _ in range(count):
            payload = binding_request(f"{ufrag}:atkr", password)
            raw.sendto(datagram(source, destination, port, payload), (destination, 0))
            sent += len(payload)
            time.sleep(0.005)
    return sent


if __name__ == "__main__":
    source, destination, port, ufrag, password, count = sys.argv[1:]
    print(main(source, destination, int(port), ufrag, password, int(count)))
