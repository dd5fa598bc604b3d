# SPDX-License-Identifier: Apache-2.0
"""The client core's native module: WebRTC, sealing and packetising for headless members. Control by calls, frames by events."""

from typing import Final, Literal, TypeAlias

FACE: Final[int]
"""Version of this boundary."""

Track: TypeAlias = Literal["audio", "main", "screen"]
Codec: TypeAlias = Literal["opus", "vp8", "vp9", "h264"]
Event: TypeAlias = (
    tuple[Literal["connected"]]
    | tuple[Literal["closed"], str]
    | tuple[Literal["key_frame"], str, int]
    | tuple[Literal["frame"], int, int, str, str, int, bytes]
    | tuple[Literal["clear"], int, str, int, bytes]
    | tuple[Literal["sealed"], int, int, bytes]
    | tuple[Literal["refused"], int, str]
)
"""("connected",) once media may flow; ("closed", reason); ("key_frame", track, layer) when one is asked of us;
("frame", slot, index, track, codec, timestamp, data): a frame that opened, `index` its sender's place in the roster;
("clear", slot, codec, timestamp, data): a frame where `sealing` is off;
("sealed", slot, timestamp, data): a video frame as the operator handed it over, told before it is opened if `keep_sealed`;
("refused", slot, reason): a frame that did not (`protocol/sealing.md` section 6)."""

class ClientError(Exception):
    """The client core did not do it; the text begins with a stable code."""

class Client:
    """One member: its peer connection, its keys, its I/O thread. **Sealed or nothing**, unless `sealing` is off: frames before the
    first secret are dropped."""

    def __new__(
        cls,
        audio_slots: int = 6,
        video_slots: int = 12,
        dtls: Literal["1.2", "1.3"] = "1.2",
        keep_sealed: bool = False,
        payload_types: list[tuple[Codec, int]] = ...,
        sealing: Literal["required", "off"] = "required",
    ) -> Client:
        """`payload_types` are those that differ from the usual ones. ClientError if they cannot be used."""
    def renew(self) -> None:
        """Ends the connection and begins another of the same member, with an offer of its own. Keys and counters stay; slots are
        empty. Waits for the I/O thread."""
    def add_slots(self, count: int) -> None:
        """Offers again with so many more video slots. ClientError while an offer waits for its answer."""
    def offer(self) -> str:
        """The SDP offer: sections 0 audio, 1 main in three layers, 2 screen (send), then audio and video slots (receive)."""
    def sends(self) -> list[tuple[str, Track]]:
        """(mid, track) of the sending sections, for `enter`."""
    def accept(self, answer: str) -> None:
        """Takes the server's answer; connecting begins."""
    def set_room(
        self, suite: int, app: int, kind: Literal["number", "string"], room: str, instance: bytes, index: int
    ) -> None:
        """Which room's life secrets are for, and our place in its roster. Another instance empties the key ring."""
    def add_secret(
        self, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> None:
        """A secret of the authority; frames are sealed with it `use_after_ms` from now (300 for a new epoch, 0 for the first)."""
    def step(self, epoch: int, step: int) -> None:
        """The room stepped forward; the secret is derived here and used at once. ClientError if the step before is not known."""
    def bind(self, slot: int, index: int | None, track: Track) -> None:
        """Only frames of this roster index and track open in the video slot; None: nothing does. Where that is so already, nothing
        changes."""
    def send(self, track: Track, codec: Codec, frame: bytes, timestamp: int, layer: int = 0) -> bool:
        """Seals, packetises and sends one encoded frame of a layer. False if it was dropped (no secret yet, not connected, or not one
        of its codec)."""
    def seal_custom(self, body: bytes) -> bytes | None:
        """The sealed body of a custom message; None before the first secret, or when the key is used up."""
    def open_custom(self, frame: bytes) -> tuple[int, bytes] | str:
        """(index, body) of a custom message, or why it did not open (`protocol/sealing.md` section 6); not counted."""
    def stats(self) -> dict[str, int]:
        """Counters: frames_sent, frames_dropped, frames_opened, refused_<reason>, packets_sent, packets_received, bytes_sent and
        bytes_received (of all datagrams)."""
    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""
    def drain(self) -> list[Event]:
        """Takes all events that wait."""
    def close(self) -> None:
        """Ends the connection and joins the thread. A second call does nothing."""
