# SPDX-License-Identifier: Apache-2.0
"""What was sealed, who opened it, and whether that is what the rules promise.

**Between two members whose lines to the authority live, no change of membership costs a frame.** What may be lost is sent within a
disturbance of the sender or the receiver, and each of those ends:

- somebody who comes: `NEWCOMER_SECONDS`. The change that lets him in reaches every line within `LINE_SECONDS`; when it begins an epoch,
  the others seal with the one before for another 300 ms. 0.8 s are 40 frames of 20 ms to him from each, and as many from him at most.
- somebody whose line breaks, or whose authority was started anew: from `LINE_SECONDS` before (what was on its way is lost) until
  `NEWCOMER_SECONDS` after a new line brought a secret. `RECOVERY_SECONDS` bounds that while the authority runs.
- an authority that is busy takes `OUT_SECONDS` to write an epoch to all: they are counted to the line.
- somebody who goes: from `MEDIA_SECONDS` before, for the others may strike him off while his last frames are on their way.

A leave, a removal, an expired grant, a timer and a step cost the others nothing, because 300 ms of delay before an epoch is used and 300 ms
of waiting beside the pipeline are more than the slowest line takes, and because the epoch before still opens for 1 s after a removal:
`LINE_SECONDS` + 0.3 s + `MEDIA_SECONDS` from its first use is less.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealroom_customer.authority.exchange import Admitted, Departed, Happening
from sealroom_customer.client.hearing import PING_SECONDS, SILENCE_SECONDS
from sealroom_customer.client.membership import NEW_EPOCH_MS
from sealroom_customer.sealing.schedule import LAST_STEP, Scope
from sealroom_wire.authority import Place
from sealroom_wire.base64url import b64u
from tests.virtual.phone import LINE_SECONDS

if TYPE_CHECKING:
    from tests.virtual.phone import Phone

USE_SECONDS = NEW_EPOCH_MS / 1_000
MEDIA_SECONDS = 0.16
OUT_SECONDS = 0.1
NEWCOMER_SECONDS = OUT_SECONDS + LINE_SECONDS + USE_SECONDS
RECOVERY_SECONDS = SILENCE_SECONDS + PING_SECONDS + 4.0 + 4 * LINE_SECONDS + 1.2 + NEWCOMER_SECONDS
"""Noticing the silence, the longest wait between tries, twice there and back, a leave's second and a step's 200 ms, and as who comes."""
_EVER = float("inf")
_SLACK = 1e-6
Version = tuple[int, int]


@dataclass
class _Stay:
    """One membership of a phone: in one life of the room, from one version up to (without) another."""

    instance: str
    at: float
    came: Version
    until: float = _EVER
    gone: Version = (2**64, 0)


@dataclass
class _Sent:
    at: float
    version: Version
    index: int


@dataclass
class _Story:
    """What happened to one phone."""

    phone: "Phone"
    stays: list[_Stay] = field(default_factory=list)
    keyed: list[tuple[float, Version]] = field(default_factory=list)
    """When it had which version of the life of the room that it is in."""
    instance: bytes = b""
    disturbed: list[tuple[float, float]] = field(default_factory=list)
    disturbed_since: float | None = None
    secrets: dict[tuple[bytes, Version], bytes] = field(default_factory=dict)
    over_at: float = _EVER

    def is_disturbed(self, at: float) -> bool:
        since = _EVER if self.disturbed_since is None else self.disturbed_since
        return at >= since or any(begin <= at < end for begin, end in self.disturbed)

    def stay_at(self, at: float) -> _Stay | None:
        found = (one for one in reversed(self.stays) if one.at <= at < one.until - MEDIA_SECONDS)
        return next(found, None) if at < self.over_at - MEDIA_SECONDS else None


class Account:
    """Watches one call; `breaches` are sentences about what must not be."""

    def __init__(self) -> None:
        self.now = 0.0
        self.breaches: list[str] = []
        self.trace: list[tuple[object, ...]] = []
        self.opened: Counter[tuple[int, int]] = Counter()
        """Frames by receiver and sender."""
        self.lost: Counter[str] = Counter()
        """Frames that were lost in a disturbance, by reason of their refusal."""
        self._stories: list[_Story] = []
        self._by_key: dict[str, _Story] = {}
        self._going: list[_Stay] = []
        self._departures: dict[str, list[tuple[float, int]]] = {}
        self._sent: dict[tuple[int, int], _Sent] = {}
        self._sealed: dict[tuple[bytes, bytes], bytes] = {}
        self._secrets: dict[tuple[bytes, Version], bytes] = {}
        self._missing: list[tuple[int, int, int, str]] = []

    # who is there

    def told(self, phone: "Phone", version: Version, secret: bytes) -> None:
        """The authority sent a secret to the phone, which a hostile one would keep for ever."""
        self._secrets.setdefault((phone.keys.instance, version), secret)
        self._stories[phone.number].secrets.setdefault((phone.keys.instance, version), secret)

    def entered(self, phone: "Phone") -> None:
        self._stories.append(_Story(phone))

    def showed(self, phone: "Phone", member_key: str) -> None:
        """The phone joins with this key."""
        self._by_key[member_key] = self._stories[phone.number]

    def happened(self, place: Place, happening: Happening) -> None:
        """The authority's own record."""
        if isinstance(happening, Admitted):
            story = self._by_key[happening.member.key]
            story.stays.append(_Stay(place.instance, self.now, (happening.epoch, happening.step)))
            story.disturbed.append((self.now, self.now + NEWCOMER_SECONDS))
            self._note(
                "admitted", story.phone.number, happening.epoch, happening.step, happening.member.index
            )
        elif isinstance(happening, Departed):
            story = self._by_key[happening.member.key]
            story.stays[-1].until = self.now
            self._going.append(story.stays[-1])
            self._departures.setdefault(place.instance, []).append((self.now, happening.epoch))
            self._note("departed", story.phone.number, happening.epoch, happening.reason.value)
        else:
            # Where none begins, the room ended with them, and nothing came after.
            for stay in (one for one in self._going if one.instance == place.instance):
                stay.gone = (happening.epoch, 0)
            self._going.clear()
            self._note("epoch", happening.epoch, happening.reason.value)

    def cut(self, phone: "Phone") -> None:
        self._disturb(self._stories[phone.number])

    def restarted(self, phones: "list[Phone]") -> None:
        for phone in phones:
            story = self._stories[phone.number]
            self._disturb(story)
            if story.stays:
                story.stays[-1].until = min(story.stays[-1].until, self.now)

    def ended(self, phone: "Phone", how: str) -> None:
        self._stories[phone.number].over_at = self.now
        self._note("ended", phone.number, how)

    def keyed(self, phone: "Phone", version: Version) -> None:
        """The phone has this version from now on."""
        story = self._stories[phone.number]
        if story.instance != phone.keys.instance:
            story.instance, story.keyed = phone.keys.instance, []
        story.keyed.append((self.now, version))
        self._note("keyed", phone.number, *version)

    def secret_came(self, phone: "Phone") -> None:
        """A secret came over the line that the phone has now."""
        story = self._stories[phone.number]
        since, story.disturbed_since = story.disturbed_since, None
        if since is not None:
            story.disturbed.append((since, self.now + NEWCOMER_SECONDS))

    def _disturb(self, story: _Story) -> None:
        if story.disturbed_since is None:
            story.disturbed_since = self.now - LINE_SECONDS

    # what flows

    def sent(self, phone: "Phone", number: int, sealed: bytes) -> None:
        """A frame was sealed."""
        story = self._stories[phone.number]
        header, key_id = _header(sealed)
        version = (key_id >> 24, key_id >> 20 & 15)
        one = self._sent[phone.number, number] = _Sent(self.now, version, key_id >> 4 & 0xFFFF)
        if self._sealed.setdefault((story.instance, header), sealed) is not sealed:
            self._breach(f"{phone.user} sealed twice with one counter of {version}")
        due = max((had for at, had in story.keyed if at <= self.now - USE_SECONDS - _SLACK), default=(0, 0))
        if one.version < due:
            self._breach(f"{phone.user} sealed with {version} when {due} was due")
        silence = phone.key_silence
        for at, epoch in self._departures.get(story.stays[-1].instance, ()) if story.stays else ():
            if (
                version[0] < epoch
                and self.now > at + silence + _SLACK
                and phone.is_in(story.stays[-1].instance)
            ):
                self._breach(f"{phone.user} sealed with {version} long after a departure began epoch {epoch}")

    def came(self, at: float, receiver: int, sender: int, number: int, index: int, reason: str) -> None:
        """A frame opened or was refused."""
        to, source = self._stories[receiver], self._stories[sender].phone
        if reason:
            self._missing.append((receiver, sender, number, reason))
            return
        version = self._sent[sender, number].version
        if not any(stay.came <= version < stay.gone for stay in to.stays if to.phone.is_in(stay.instance)):
            self._breach(f"{to.phone.user} opened a frame of {version}, which was never his")
        member = to.phone.membership.member_at(index)
        if member is not None and member.user != source.user:
            self._breach(f"a frame of {source.user} opened as one of {member.user}")
        if member is None:
            self._missing.append((receiver, sender, number, "nobody_on_the_roster"))
        else:
            self.opened[receiver, sender] += 1

    # the end

    def settle(self) -> None:
        """Judges what was lost, once everything has arrived."""
        for receiver, sender, number, reason in self._missing:
            sent = self._sent[sender, number]
            to, source = self._stories[receiver], self._stories[sender]
            theirs, ours = source.stay_at(sent.at), to.stay_at(sent.at)
            if theirs is None or ours is None or theirs.instance != ours.instance:
                continue
            if to.is_disturbed(sent.at) or source.is_disturbed(sent.at):
                self.lost[reason] += 1
            else:
                self._breach(
                    f"{to.phone.user} lost frame {number} of {source.phone.user}, sent at {sent.at:.3f} with {sent.version}: {reason}"
                )
        for story in self._stories:
            for begin, end in story.disturbed:
                if end - begin > self.longest_disturbance:
                    self._breach(f"{story.phone.user} was back only after {end - begin:.1f} s")
            self._judge_knowledge(story)
        self.trace.append(("opened", *sorted(self.opened.items())))

    def _judge_knowledge(self, story: _Story) -> None:
        """From all that it was ever sent follows no secret of a version in which it was no member."""
        derivable = set()
        for (instance, (_, step)), secret in story.secrets.items():
            scope = Scope(5, story.phone.call.application, story.phone.call.room, instance)
            for _ in range(step, LAST_STEP + 1):
                derivable.add(secret)
                secret = scope.after(secret)
        for (instance, version), secret in self._secrets.items():
            stays = [stay for stay in story.stays if stay.instance == b64u(instance)]
            his = any(stay.came <= version < stay.gone for stay in stays)
            if secret in derivable and not his:
                self._breach(f"{story.phone.user} could know the secret of {version}")

    longest_disturbance = RECOVERY_SECONDS + LINE_SECONDS

    def _breach(self, sentence: str) -> None:
        self.breaches.append(f"{self.now:.3f}: {sentence}")

    def _note(self, *what: object) -> None:
        self.trace.append((round(self.now, 6), *what))


def _header(sealed: bytes) -> tuple[bytes, int]:
    """The SFrame header of an audio frame, which has no prefix (RFC 9605 section 4.3), and its key id."""
    config = sealed[0]
    key_id, end = config >> 4 & 7, 1
    if config & 0x80:
        end += key_id + 1
        key_id = int.from_bytes(sealed[1:end], "big")
    if config & 0x08:
        end += (config & 7) + 1
    return sealed[:end], key_id
