# SPDX-License-Identifier: Apache-2.0
"""The store of objects by the configuration. Nothing else knows which implementation runs."""

from pathlib import Path
from urllib.parse import urlsplit

from sealroom.catalogue import Catalogue
from sealroom.core.config.schema import ObjectsSettings
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.objects.errors import ObjectsUnavailable
from sealroom.core.objects.local import LocalObjects
from sealroom.core.objects.port import Objects
from sealroom.core.state import StateDirectory

FOLDER = "objects"
"""Name in the state folder."""


def objects_of(settings: ObjectsSettings, state: StateDirectory, catalogue: Catalogue, site: str) -> Objects:
    """The store that the configuration names; it is not asked yet. Objects of two sites never meet, even in one bucket.

    Raises:
        ConfigurationError: something in [objects] that cannot be used.
        StartError: the folder cannot be made.
    """
    if not settings.endpoint:
        try:
            return LocalObjects(state.path / FOLDER / site, catalogue)
        except ObjectsUnavailable as error:
            raise StartError(
                error.code,
                f"{state.path / FOLDER} cannot be used: {error}",
                "Check its permissions, and the disk.",
            ) from error
    _check(settings)
    from sealroom.core.objects.s3 import S3Objects, S3Settings

    place = S3Settings(
        settings.endpoint, settings.bucket, settings.access, settings.secret, settings.region, _authority(settings.ca),
        f"{settings.prefix.strip('/')}/{site}".lstrip("/"),
    )  # fmt: skip
    return S3Objects(place, catalogue)


def _check(settings: ObjectsSettings) -> None:
    try:
        parts = urlsplit(settings.endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc:
        raise _invalid(
            "endpoint", f"`{_shown(settings.endpoint)}` is no address", "Write https://s3.example."
        )
    # What the client itself lets pass in clear.
    if parts.scheme == "http" and not (host in ("127.0.0.1", "localhost") and port):
        raise _invalid(
            "endpoint", f"`{settings.endpoint}` is not encrypted", "Use https, or http on loopback only."
        )
    for key in ("bucket", "access", "secret"):
        if not getattr(settings, key):
            raise _invalid(key, "it is empty, and S3 is used", f"Set it, or SEALROOM_OBJECTS__{key.upper()}.")


def _shown(endpoint: str) -> str:
    """Without what may be a password."""
    return endpoint.rpartition("@")[2]


def _authority(ca: str) -> str:
    if not ca:
        return ""
    try:
        return Path(ca).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise _invalid("ca", f"`{ca}` cannot be read", "Check its name and permissions.") from None


def _invalid(key: str, what: str, action: str) -> ConfigurationError:
    return ConfigurationError(f"objects_{key}_invalid", f"objects.{key}: {what}.", action)
