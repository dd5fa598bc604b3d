# SPDX-License-Identifier: Apache-2.0
"""A room of the authority in virtual time, its devices, and a witness of what everyone could know."""

import itertools
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customer.tests.device import Device
from sealroom_customer.authority.exchange import Hang, Newcomer, Post
from sealroom_customer.authority.room import STEP_SECONDS, Room
from sealroom_customer.sealing.schedule import SuiteId
from sealroom_wire.authority import MemberRole
from sealroom_wire.ids import room_string

APP = 1400000000
ROOM = room_string("r")
UNIX = 1_800_000_000
PING = "n" * 22


@dataclass
class Stage:
    """Runs the clock, carries messages, remembers who was put out and from when on."""

    suite: SuiteId = 5
    limit: int = 500
    now: float = 100.0
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    lines: dict[int, Device] = field(default_factory=dict)
    everyone: list[Device] = field(default_factory=list)
    gone_at: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For each device that is off the roster, by id: the first version it must not know."""
    came_at: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For each device, by id: the version it came with; it must know none before."""
    history: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """The secret of each version, as those present knew it."""

    def __post_init__(self) -> None:
        self.room = Room(APP, ROOM, self.suite, self.key)
        self._numbers = itertools.count(1)

    def newcomer(
        self, device: Device, life: float = 86400.0, role: MemberRole = MemberRole.PUBLISH
    ) -> Newcomer:
        return Newcomer(
            next(self._numbers),
            device.user,
            role,
            device.member_key,
            device.key.public_key(),
            self.now + life,
            UNIX,
        )

    def join(self, user: str, life: float = 86400.0) -> Device:
        device = Device(user, self.key.public_key())
        self.everyone.append(device)
        self.attach(device, life)
        return device

    def attach(self, device: Device, life: float = 86400.0) -> int:
        """A line of `device` joins; returns its number."""
        newcomer = self.newcomer(device, life)
        self.lines[newcomer.line] = device
        self.room.join(self.now, newcomer, self.limit)
        self.deliver()
        return newcomer.line

    def line_of(self, device: Device) -> int:
        return next(line for line, one in self.lines.items() if one is device)

    def leave(self, device: Device) -> None:
        line = self.line_of(device)
        del self.lines[line]
        self.room.left(self.now, line)
        self.deliver()

    def break_line(self, device: Device) -> None:
        line = self.line_of(device)
        del self.lines[line]
        self.room.broke(self.now, line)
        self.deliver()

    def remove(self, user: str) -> bool:
        removed = self.room.remove(self.now, user)
        self.deliver()
        return removed

    def hint(self, user: str | None) -> bool:
        """The operator says that a user, or everybody, is out."""
        sooner = self.room.hint(self.now, user)
        self.deliver()
        return sooner

    def pass_time(self, seconds: float, *, silent: frozenset[str] = frozenset()) -> None:
        """The clock runs; everyone with a line pings every 2 s, except the users in `silent`."""
        end = self.now + seconds
        while self.now < end:
            until = min(end, self.now + 2.0)
            while (due := self.room.deadline()) is not None and due <= until:
                self.now = max(self.now, due)
                self.room.on_deadline(self.now)
                self.deliver()
            self.now = until
            for line, device in list(self.lines.items()):
                if device.user not in silent:
                    self.room.heard(self.now, line, PING)
            self.deliver()

    def deliver(self) -> None:
        for output in self.room.take():
            device = self.lines.get(output.line)
            assert device is not None, "nothing is said on a line that is over"
            if isinstance(output, Hang):
                del self.lines[output.line]
            elif (text := output.text if isinstance(output, Post) else self.room.write(output)) is not None:
                device.take(text)
        self._notice_departures()
        if self.room.empty:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """An empty room is dropped; the next to come begins another life of it."""
        assert not self.lines
        assert self.room.deadline() is None
        self.room = Room(APP, ROOM, self.suite, self.key)
        self.everyone.clear()
        for notes in (self.gone_at, self.came_at, self.history):
            notes.clear()

    def _notice_departures(self) -> None:
        on_roster = {member.key for member in self.room.members}
        for device in self.everyone:
            if device.room is not None:
                self.came_at.setdefault(id(device), self.room.version)
                if device.member_key not in on_roster:
                    self.gone_at.setdefault(id(device), self.room.version)
        for device in self.present:
            if isinstance(device, Device):
                self.history[device.epoch, device.step] = device.secret

    @property
    def present(self) -> list[Device]:
        """Devices with a line that are on the roster."""
        return [device for device in self.lines.values() if device.room is not None]

    def agree(self) -> None:
        """Those present derive one secret and see one roster; those gone can derive nothing of what came after them; nobody
        was sent anything of what was before him."""
        present = self.present
        for device in present:
            assert (device.epoch, device.step) == self.room.version
            assert device.secret == present[0].secret
            assert device.head == present[0].head
            assert tuple(device.roster.values()) == self.room.members
        for device in self.everyone:
            if device.room is not None:
                self._knows_only_its_own(device)

    def _knows_only_its_own(self, device: Device) -> None:
        came, gone = self.came_at[id(device)], self.gone_at.get(id(device), (2**64, 0))
        for version, secret in self.history.items():
            if version < came:
                assert secret not in device.derivable(), "a newcomer could read what was before"
            elif version >= gone:
                assert secret not in device.derivable(), "who left could read on"
            else:
                assert version not in device.secrets or device.secrets[version] == secret


def filled(*users: str) -> tuple[Stage, list[Device]]:
    """A room with these users, who came one by one, some time ago."""
    stage = Stage()
    devices = []
    for user in users:
        devices.append(stage.join(user))
        stage.pass_time(STEP_SECONDS)
    stage.pass_time(5)
    return stage, devices
