# SPDX-License-Identifier: Apache-2.0
"""This machine and this program."""

import http.client
import os
import resource
import ssl
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from sealroom.core.config import Configuration
from sealroom.core.config.schema import RecordsSettings
from sealroom.core.db.probe import probe
from sealroom.core.db.target import Target
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.doctor.finding import Said
from sealroom.production import check_production

EARLIEST = 1_767_225_600
"""2026-01-01: a clock before it was never set."""
NOTED_SECONDS, FAULTY_SECONDS = 1.0, 10.0
"""Between two clocks: from the first on it is said, from the second on it is a fault. UserSigs may be a minute from the future."""
FILES_BESIDE = 1_024
"""File descriptors for everything but clients' lines."""
_ASK_SECONDS = 5.0


def engine(_configuration: Configuration) -> str:
    """Whether the native module is there, and of this program."""
    try:
        from sealroom.media import engine as native
    except ImportError as error:
        raise StartError(
            "engine_missing",
            f"The media engine cannot be loaded: {error}.",
            "Install the wheel, or run `make env`.",
        ) from error
    if not native.is_current():
        raise StartError(
            "engine_stale", "The media engine is of another build.", "Build it again: `make env`."
        )
    return "the media engine can be loaded"


def files(configuration: Configuration) -> str | Said:
    """Whether every line that is allowed can have a file descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = configuration.signalling.max_connections + FILES_BESIDE
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return Said(
            f"This process may have {hard} file descriptors; signalling.max_connections wants {wanted}.",
            "Raise the limit (systemd: LimitNOFILE=1048576), or allow fewer connections.",
        )
    return f"{'any number of' if hard == resource.RLIM_INFINITY else hard} file descriptors"


def clock(configuration: Configuration) -> str | Said:
    """Whether the clock was set, and agrees with those of the stores."""
    if time.time() < EARLIEST:
        raise StartError(
            "clock_unset", "The clock stands before 2026.", "Set it: every UserSig would be refused."
        )
    found = {
        name: ahead
        for name, ahead in (
            ("database", _of_the_database(configuration)),
            ("search server", _of_the_search_server(configuration.records)),
        )
        if ahead is not None
    }
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    said = ", ".join(f"the {name}'s is {ahead:+.1f} s" for name, ahead in found.items())
    worst = max(map(abs, found.values()), default=0.0)
    action = "Let one time service (NTP) set this machine's clock and theirs."
    if worst >= FAULTY_SECONDS:
        raise StartError("clocks_differ", f"The clock says {now}; {said} from it.", action)
    if worst >= NOTED_SECONDS:
        return Said(f"{now}; {said} from it.", action)
    return f"{now}; {said} from it" if said else f"{now}; no store has a clock of its own to compare with"


def production(configuration: Configuration) -> str | Said:
    """Whether `sealroom serve` would take the configuration."""
    try:
        check_production(configuration)
    except ConfigurationError as error:
        return Said(f"For `sealroom dev` only: {error.sentence}", error.action)
    return "fit for `sealroom serve`"


def _of_the_database(configuration: Configuration) -> float | None:
    if not configuration.database.url:
        return None
    try:
        return probe(Target(configuration.database.url, configuration.database)).ahead
    except StartError:
        return None  # the examination of the database says why


def _of_the_search_server(settings: RecordsSettings) -> float | None:
    """How much the server's clock is ahead, by its header Date, which counts whole seconds; None where it sends none."""
    if not settings.url:
        return None
    connection = _connection(settings)
    try:
        connection.request("HEAD", "/")
        before = time.time()
        date = connection.getresponse().getheader("Date")
        ahead = None if date is None else parsedate_to_datetime(date).timestamp() + 0.5 - before
    except (OSError, ValueError, http.client.HTTPException):
        return None  # the examination of the records says why
    finally:
        connection.close()
    return None if ahead is None or abs(ahead) < 0.5 else ahead


def _connection(settings: RecordsSettings) -> http.client.HTTPConnection:
    url = urlsplit(settings.url)
    host = url.hostname or ""
    if url.scheme == "http":
        return http.client.HTTPConnection(host, url.port or 80, timeout=_ASK_SECONDS)
    trusted = settings.ca if settings.ca and os.access(settings.ca, os.R_OK) else None
    context = ssl.create_default_context(cafile=trusted)
    return http.client.HTTPSConnection(host, url.port or 443, timeout=_ASK_SECONDS, context=context)
