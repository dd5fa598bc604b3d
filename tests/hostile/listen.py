# SPDX-License-Identifier: Apache-2.0
"""Run inside a test's own namespace: counts the UDP payload that arrives, whoever it is for.

`python -m tests.hostile.listen` prints `ready`, counts until its standard input closes, then prints bytes and datagrams.
"""

import select
import socket
import struct
import sys

ETH_IP = 0x0800


def main() -> tuple[int, int]:
    """Bytes of UDP payload and number of datagrams that came in."""
    size = count = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_IP)) as tap:
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([tap, sys.stdin], [], [])
            if sys.stdin in ready and tap not in ready:
                return size, count
            packet, address = tap.recvfrom(65535)
            if packet[9] == socket.IPPROTO_UDP and address[2] != socket.PACKET_OUTGOING:
                offset = (packet[0] & 15) * 4
                size += struct.unpack_from(">H", packet, offset + 4)[0] - 8
                count += 1


if __name__ == "__main__":
    print(*main())
