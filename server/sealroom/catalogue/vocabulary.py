# SPDX-License-Identifier: Apache-2.0
"""The words of the catalogue. Classes are those of section 2.3 of the paper; their values are kept for ever, for index names carry them."""

from dataclasses import dataclass
from enum import Enum, StrEnum


class _Said(StrEnum):
    """A name with what it means to a reader of the article 30 record."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> "_Said":
        made = str.__new__(cls, value)
        made._value_ = value
        made.meaning = meaning
        return made


class DataClass(_Said):
    """What kind of data it is. The first eight are the paper's."""

    CONSOLE = "console", "Console configuration: applications, their names and switches"
    BACK_END_LOG = "back_end_log", "Back-end log: who was in which room, from where, with what"
    DASHBOARD = "dashboard", "Dashboard: how good calls were"
    SDK_LOG = "sdk_log", "SDK log: what the customer's application noted on the device"
    UIN = "uin", "UIN: the customer's account"
    SDK_APP_ID = "sdk_app_id", "SdkAppId: which application of the customer"
    FAULT_DIAGNOSIS = "fault_diagnosis", "Fault diagnosis: what happened in a call, second by second"
    KEY_INFORMATION = (
        "key_information",
        "Temporary key information: what signs and verifies, never what opens media",
    )
    STAFF = "staff", "Staff: the operator's own employees"
    EVIDENCE = "evidence", "Evidence: what shows that the rest is true"
    OPERATION = "operation", "Operation: what the program needs to go on where it stopped"


class Purpose(_Said):
    """Why it is kept."""

    PROVIDE = "provide", "to provide the calls that the customer ordered"
    DIAGNOSE = "diagnose", "to find out why a call was bad"
    BILL = "bill", "to count what was used"
    SECURE = "secure", "to keep out who must not get in"
    PROVE = "prove", "to show what was done, by whom, and that nobody changed the record"
    OPERATE = "operate", "to run the program"


class LegalBasis(_Said):
    """Which paragraph of GDPR article 6(1) the processing stands on."""

    CONTRACT = "contract", "GDPR article 6(1)(b): performance of the contract with the customer"
    LEGAL_OBLIGATION = "legal_obligation", "GDPR article 6(1)(c): a legal obligation of the operator"
    LEGITIMATE_INTEREST = (
        "legitimate_interest",
        "GDPR article 6(1)(f): security and proper working of the service",
    )
    NONE_NEEDED = "none_needed", "no personal data"


class Region(_Said):
    """Where it may lie."""

    SITE = "site", "in the site of the application, nowhere else"
    DIRECTORY = "directory", "in the global directory: opaque ids only"


class Store(_Said):
    """Which port keeps it."""

    DB = "db", "relational database"
    RECORDS = "records", "search store"
    JOURNAL = "journal", "encrypted journal on the site's disk, until the search store has it"
    OBJECTS = "objects", "object store"
    BUS = "bus", "message bus of the site"
    KEYS = "keys", "key files, or a key management service"
    DIRECTORY = "directory", "the global directory, a file that every site has"
    LOG = "log", "the program's log"
    METRICS = "metrics", "metrics"
    TRACES = "traces", "spans at the operator's collector, where he has one"


class Durability(Enum):
    """What must not be lost of `records`."""

    DURABLE = "durable"
    """Journalled before it counts as written; survives whatever kills the process."""
    SAMPLED = "sampled"
    """One of many; the last second may be lost."""


class Ends(StrEnum):
    """What begins the end of a dataset's life."""

    AGE = "age"
    SERVICE_END = "service_end"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long it is kept. Made by `age`, `while_served` or `kept`."""

    ends: Ends
    days: int
    """After its time (`age`), or after the end of the service."""
    reason: str

    @classmethod
    def age(cls, days: int, reason: str) -> "Retention":
        """A number of days from its own time; earlier where the service ends (clause 2.6)."""
        if days < 1:
            raise ValueError("what is kept for less than a day needs no store")
        return cls(Ends.AGE, days, reason)

    @classmethod
    def while_served(cls) -> "Retention":
        """While the customer uses the service, and at most 7 days longer (clause 2.6)."""
        return cls(Ends.SERVICE_END, 7, "kept while the service is used, deleted within 7 days after it ends")

    @classmethod
    def kept(cls, reason: str) -> "Retention":
        """For ever: only what holds nothing personal, or loses it by an erasure."""
        return cls(Ends.NEVER, 0, reason)

    def __str__(self) -> str:
        if self.ends is Ends.AGE:
            return f"{self.days} days: {self.reason}"
        return self.reason
