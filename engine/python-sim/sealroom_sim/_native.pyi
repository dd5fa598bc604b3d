# SPDX-License-Identifier: Apache-2.0
"""Both sides on a virtual network. **Nothing waits for real time**: `run` turns the clock."""

from typing import Literal

from sealroom_customer.client._native import Event, Track

class World:
    """One engine with any number of clients. The network draws from `seed`; the clients' library draws from the system."""

    def __new__(cls, seed: int, *, loss: int = 0, delay_ms: int = 2, jitter_ms: int = 0) -> World:
        """`loss` in per mille; every datagram takes `delay_ms` and up to `jitter_ms` more."""
    @property
    def now(self) -> float:
        """Seconds since the beginning."""
    @property
    def address(self) -> tuple[str, int]:
        """Where the engine takes media."""
    @property
    def fingerprint(self) -> str:
        """SHA-256 fingerprint of the engine's certificate, as SDP writes it."""
    @property
    def passage(self) -> tuple[int, int, int]:
        """Datagrams that passed, were lost, were dropped."""
    def command(self, command: bytes) -> None:
        """One of `sealroom.media.control`'s commands as JSON. ValueError if the engine does not know it."""
    def events(self) -> list[bytes]:
        """The engine's events since the last call, as JSON."""
    def forwarded(self) -> bytes:
        """What the engine accepted for forwarding since the last call, as `sealroom dev --sink-dump` writes it."""
    def run(self, milliseconds: int) -> None:
        """Lets time pass, and everything happen that then happens."""
    def add_client(
        self, audio_slots: int = 3, video_slots: int = 4, dtls: Literal["1.2", "1.3"] = "1.2"
    ) -> int:
        """Another client; returns its number."""
    def offer(self, client: int) -> str:
        """Its SDP offer: sections 0 audio, 1 main, 2 screen (send), then audio and video slots (receive)."""
    def sends(self, client: int) -> list[tuple[str, Track]]:
        """(mid, track) of its sending sections."""
    def restart_ice(self, client: int) -> None:
        """New ICE credentials: the next offer has them."""
    def accept(self, client: int, answer: str) -> None:
        """Takes the server's answer. ValueError if it is none."""
    def set_room(self, client: int, room: str, index: int) -> None:
        """The room's name and the client's place in its roster."""
    def enter_room(
        self,
        client: int,
        suite: int,
        app: int,
        kind: Literal["number", "string"],
        room: str,
        instance: bytes,
        index: int,
    ) -> None:
        """As `set_room`, for a room of an authority."""
    def add_secret(
        self, client: int, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> bool:
        """A secret of the authority; False if it is none of this suite."""
    def step(self, client: int, epoch: int, step: int) -> bool:
        """The room stepped forward; False if the step before is not known."""
    def bind(self, client: int, slot: int, index: int | None, track: Track) -> None:
        """Only frames of this roster index and track open in the video slot; None: nothing does."""
    def send(self, client: int, track: Track, frame: bytes, timestamp: int) -> bool:
        """Seals and sends a frame of Opus or VP8. False if it was dropped."""
    def client_events(self, client: int) -> list[Event]:
        """What the client said since the last call."""

class Mesh:
    """Members' key rings on a virtual network without an engine: a client's keys, frame cipher and waiting. Time is in
    milliseconds since the beginning."""

    def __new__(cls, seed: int, *, jitter_ms: int = 0) -> Mesh:
        """The network draws from `seed`."""
    def __len__(self) -> int:
        """How many members there are."""
    def add(self) -> int:
        """Another member; returns its number. It hears everybody and is heard by everybody."""
    def set_link(self, source: int, to: int, delay_ms: int, jitter_ms: int) -> None:
        """One direction between two: every frame takes `delay_ms` and up to `jitter_ms` more."""
    def set_room(
        self,
        member: int,
        suite: int,
        app: int,
        kind: Literal["number", "string"],
        room: str,
        instance: bytes,
        index: int,
    ) -> None:
        """The room that secrets are for, and the member's place in its roster."""
    def add_secret(
        self, member: int, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> bool:
        """A secret of the authority; False if it is none of the room's suite."""
    def step(self, member: int, epoch: int, step: int) -> bool:
        """The room stepped forward; False if the secret before is not known."""
    def talk(self, member: int) -> tuple[int, bytes] | None:
        """Seals the member's next frame and sends it to everybody: its number and what was sealed. None without a key."""
    def run_to(self, milliseconds: float) -> list[tuple[float, int, int, int, int, str]]:
        """Lets time pass until then. What became of frames: (at, receiver, sender, number, index of who sealed it, "") when it
        opened, and -1 with the reason when it was refused."""

class SealedH264:
    """One sender's key of H.264, at both ends: the client's own sealer and opener."""

    def __new__(cls, secret: bytes) -> SealedH264:
        """`secret`: 64 bytes. ValueError if it is not."""
    def seal(self, frame: bytes) -> bytes:
        """One access unit (Annex B), sealed. ValueError with the reason if it is dropped."""
    def open(self, frame: bytes) -> bytes:
        """A sealed one, in the form in which it was sealed. ValueError with the reason if it is refused."""
