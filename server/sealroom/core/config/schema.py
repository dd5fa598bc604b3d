# SPDX-License-Identifier: Apache-2.0
"""Every setting with its default and what turning it does. The sample and `config show` are derived from here."""

from typing import Annotated, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import Meta

from sealroom.core.logging import Format, Level

Seconds: TypeAlias = Annotated[float, Meta(ge=0.05, le=3600)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]


def _says(description: str) -> Meta:
    return Meta(description=description)


def _secret(description: str) -> Meta:
    """Of a setting that is never shown."""
    return Meta(description=description, extra={"secret": True})


def secrets(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The keys of a section whose values are never shown."""
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(
        key
        for key in kind.__struct_fields__
        for extra in getattr(hints[key], "__metadata__", ())
        if isinstance(extra, msgspec.Meta) and (extra.extra or {}).get("secret")
    )


Certificate: TypeAlias = Annotated[
    str,
    _says("PEM file with the certificate chain. Read again when it changes; 1.2 is the lowest TLS version."),
]
CertificateKey: TypeAlias = Annotated[str, _says("PEM file with the certificate's private key.")]


class SignallingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The WebSocket that clients connect to."""

    listen: Annotated[
        str,
        _says(
            "Address and port. Plain ws is spoken on loopback only; anywhere else this needs a certificate or behind_proxy. "
            "Port 0 takes any free one."
        ),
    ] = "127.0.0.1:7880"
    certificate: Certificate = ""
    key: CertificateKey = ""
    behind_proxy: Annotated[
        tuple[str, ...],
        _says(
            "Networks of the TLS-terminating proxies, as 10.0.0.0/8. X-Forwarded-For and -Proto are believed from them, and "
            "nobody else is let in."
        ),
    ] = ()
    public_url: Annotated[
        str,
        _says(
            "What clients are told to connect to: in the demo's hand-over file, and by other sites. Empty: made from `listen`, and other "
            "sites cannot be told."
        ),
    ] = ""
    enter_timeout: Annotated[
        Seconds,
        _says(
            "Seconds from connecting to a successful `enter`. Lower frees idle lines sooner; slow phones need some."
        ),
    ] = 5.0
    silence_timeout: Annotated[
        Seconds,
        _says("Seconds without a message after which a line counts as broken. Clients ping every 10 s."),
    ] = 30.0
    max_connections: Annotated[Count, _says("Open lines in all. More are told that the server is busy.")] = (
        20_000
    )
    max_connections_per_address: Annotated[
        Count,
        _says(
            "Open lines of one address (IPv6: of one /64). An office behind one address needs one per colleague."
        ),
    ] = 2_000
    max_waiting_per_address: Annotated[
        Count, _says("Lines of one address that have not entered a room yet. Lower stops floods sooner.")
    ] = 256


class ApiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TRTC's REST API, for customers' backends."""

    listen: Annotated[
        str,
        _says(
            "Address and port. Plain http is spoken on loopback only; anywhere else this needs a certificate or behind_proxy. "
            "Port 0 takes any free one."
        ),
    ] = "127.0.0.1:7881"
    certificate: Certificate = ""
    key: CertificateKey = ""
    behind_proxy: Annotated[
        tuple[str, ...],
        _says("Networks of the TLS-terminating proxies, as 10.0.0.0/8. Nobody else is let in then."),
    ] = ()
    public_url: Annotated[
        str,
        _says(
            "What other sites tell a backend to call, as https://api.sg.example. Empty: they cannot be told."
        ),
    ] = ""


class AdminSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Health and metrics, for the operator's own machines."""

    listen: Annotated[
        str,
        _says(
            "Address and port of /livez, /readyz, /metrics, /version. Whoever reaches it may read it. Port 0: any free."
        ),
    ] = "127.0.0.1:9464"


class MediaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The media engine."""

    addresses: Annotated[
        tuple[str, ...],
        _says(
            "Addresses media is taken at, and that clients are told. Empty: every address of this machine, and 127.0.0.1."
        ),
    ] = ()
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)], _says("UDP port. 0: any free one. Open it in the firewall.")
    ] = 0
    dtls: Annotated[
        Literal["1.2", "1.3", "auto"],
        _says(
            "DTLS versions taken. With 1.3 browsers choose an SRTP cipher without AEAD, so 1.2 is the default."
        ),
    ] = "1.2"
    sink_dump: Annotated[
        str,
        _says(
            "Development only: a file that gets a copy of every packet that is forwarded, as it is forwarded (ciphertext)."
        ),
    ] = ""


class RoomSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The life of rooms."""

    disconnect_grace: Annotated[
        Seconds,
        _says(
            "Seconds a participant stays in the room after his line broke. Longer lets him come back unnoticed; shorter clears tiles."
        ),
    ] = 90.0
    live_linger: Annotated[
        Seconds,
        _says(
            "Seconds an empty live room stays open when audience left last. An anchor who leaves last closes it at once."
        ),
    ] = 600.0


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Callbacks to customers' endpoints."""

    allow: Annotated[
        tuple[str, ...],
        _says(
            "Networks that endpoints may lie in although they are not public, as 10.1.0.0/16; there http is taken too. Name none that "
            "holds anything of the operator's own."
        ),
    ] = ()
    deny: Annotated[
        tuple[str, ...],
        _says(
            "Networks that no endpoint may lie in, as 8.8.4.0/24, whatever else is said: public addresses of the operator's own that this "
            "machine does not have, of balancers, of other servers. This machine's are refused anyway."
        ),
    ] = ()
    max_waiting: Annotated[
        Count,
        _says(
            "Events of one application that may wait for its endpoints. More outlast a longer failure, and take disk."
        ),
    ] = 100_000


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The process as a whole, under `sealroom serve`."""

    name: Annotated[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$(?!\n)")],
        _says(
            "Name of this server among those that share its database, as rtc-1: letters, digits and -. It keeps it over restarts, and no "
            "two have one."
        ),
    ] = "main"
    drain_seconds: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)],
        _says(
            "Seconds that calls may go on after SIGTERM, while no new rooms are taken; a second signal ends them at once. Longer spares "
            "calls, and makes an update wait."
        ),
    ] = 300.0


class TraceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Spans to an OpenTelemetry collector: how long parts of the work took, without anything personal."""

    endpoint: Annotated[
        str,
        _says(
            "Where OTLP over HTTP is taken, as https://collector.example:4318/v1/traces. Empty: no traces. Needs the extra `traces`."
        ),
    ] = ""
    sample_ratio: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        _says("Share of traces that are kept, from 0 to 1. Higher shows more and costs more."),
    ] = 0.01
    authorization: Annotated[
        str,
        _secret(
            "What the collector wants as the header Authorization. SEALROOM_TRACES__AUTHORIZATION_FILE names a file instead."
        ),
    ] = ""
    ca: Annotated[
        str,
        _says("PEM file of the authority that signed the collector's certificate. Empty: well-known ones."),
    ] = ""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Logs, on standard error."""

    format: Annotated[Format, _says("console for people, json for machines.")] = "console"
    level: Annotated[Level, _says("The least important level that is written.")] = "info"


class StateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept on disk."""

    directory: Annotated[
        str,
        _says(
            "Folder of the database and keys, for this user only (0700). Empty: the user's state folder (XDG)."
        ),
    ] = ""


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts, applications, usage, the audit log."""

    url: Annotated[
        str,
        _says(
            "PostgreSQL (15 or newer), as postgresql://sealroom@db.example/sealroom?sslmode=verify-full&sslrootcert=/path. Empty: SQLite "
            "in the state folder. Every parameter of libpq may follow the `?`; passfile keeps the password out of here."
        ),
    ] = ""
    pool_size: Annotated[
        Annotated[int, Meta(ge=1, le=200)],
        _says("Connections of this process to PostgreSQL. More than its cores can serve only wait there."),
    ] = 8
    connect_timeout: Annotated[
        Seconds, _says("Seconds to wait for a new connection. libpq knows no less than 2.")
    ] = 5.0
    statement_timeout: Annotated[
        Seconds,
        _says(
            "Seconds after which PostgreSQL ends a statement, or a transaction that does nothing. Migrations have no such limit."
        ),
    ] = 30.0
    lock_timeout: Annotated[
        Seconds,
        _says(
            "Seconds a writer waits for another one, or for a free connection. Lower fails sooner under load."
        ),
    ] = 10.0


class KeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of the operator's own."""

    master: Annotated[
        str,
        _says(
            "What the secrets in the database are encrypted under: file:/path of a file, the same one for every process of the database. "
            "Empty: `master.key` in the state folder. Made where it is missing."
        ),
    ] = ""


class RecordsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Logs, call quality and copies of the audit log; and the journal that they wait in."""

    url: Annotated[
        str,
        _says(
            "OpenSearch or Elasticsearch, as https://search.example:9200. Empty: SQLite in the state folder. Needs the extra `search`."
        ),
    ] = ""
    engine: Annotated[
        Literal["opensearch", "elasticsearch"],
        _says("Which of the two it is; each refuses the other's client. Elasticsearch: version 8."),
    ] = "opensearch"
    user: Annotated[str, _says("User at the search server. Empty: it asks for none.")] = ""
    password: Annotated[
        str,
        _secret(
            "The user's password. SEALROOM_RECORDS__PASSWORD_FILE names a file instead, which keeps it out of here."
        ),
    ] = ""
    ca: Annotated[
        str,
        _says(
            "PEM file of the authority that signed the search server's certificate. Empty: the system's own."
        ),
    ] = ""
    replicas: Annotated[
        Annotated[int, Meta(ge=0, le=5)],
        _says("Copies of each index beside the first. With one node of the server nothing but 0 can be had."),
    ] = 1
    journal_max_bytes: Annotated[
        Annotated[int, Meta(ge=1_000_000)],
        _says(
            "Bytes on this disk for what the store has not confirmed. Beyond it records are refused and counted; higher bridges a longer outage."
        ),
    ] = 1_073_741_824
    journal_segment_bytes: Annotated[
        Annotated[int, Meta(ge=65_536, le=67_108_864)],
        _says("Size at which a file of the journal is closed. Lower frees disk sooner and makes more files."),
    ] = 8_388_608
    journal_segment_seconds: Annotated[
        Seconds,
        _says(
            "Age at which a file of the journal is closed, and goes once it is shipped. Lower keeps personal data here for less time."
        ),
    ] = 10.0
    retention: Annotated[
        tuple[str, ...],
        _says(
            "Days to keep classes of data, as dashboard=7, where that is shorter than declared; `sealroom catalogue export` shows both."
        ),
    ] = ()


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the servers of one site tell each other what happened. Only a site of several servers needs one."""

    url: Annotated[
        str,
        _says(
            "NATS with JetStream (2.11 or newer), as tls://nats.example:4222; several servers of one cluster with commas between. Empty: "
            "in this process. nats:// on loopback only."
        ),
    ] = ""
    user: Annotated[str, _says("User at NATS. Empty: it asks for none.")] = ""
    password: Annotated[
        str,
        _secret(
            "The user's password. SEALROOM_BUS__PASSWORD_FILE names a file instead, which keeps it out of here."
        ),
    ] = ""
    ca: Annotated[
        str, _says("PEM file of the authority that signed the certificate of NATS. Empty: the system's own.")
    ] = ""
    replicas: Annotated[
        Annotated[int, Meta(ge=1, le=5)],
        _says("Servers of NATS that keep each stream and registry: 3 in a cluster of three."),
    ] = 1


class ObjectsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whole files of the operator's own: checkpoints of the audit log, evidence. Never media."""

    endpoint: Annotated[
        str,
        _says(
            "S3, as https://s3.example. Empty: a folder in the state folder, which is lost with the database that it could speak against."
        ),
    ] = ""
    bucket: Annotated[str, _says("Name of the bucket. The operator's own, without versions.")] = ""
    region: Annotated[str, _says("Region that signatures name.")] = "us-east-1"
    prefix: Annotated[
        str, _says("Before every name, where others use the bucket too; the site's name follows it.")
    ] = ""
    access: Annotated[str, _says("Access key.")] = ""
    secret: Annotated[
        str,
        _secret(
            "Its secret key. SEALROOM_OBJECTS__SECRET_FILE names a file instead, which keeps it out of here."
        ),
    ] = ""
    ca: Annotated[
        str,
        _says("PEM file of an authority to trust beside the system's."),
    ] = ""


class SiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which site this process belongs to. Data of an application lies in its site, and nowhere else."""

    name: Annotated[
        Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,15}$(?!\n)")],
        _says(
            "Short name of the site, as cn or sg. Every store of this process is this site's; it cannot be changed later."
        ),
    ] = "main"
    directory: Annotated[
        str,
        _says(
            "File with the directory of all sites, or a folder with what `sealroom site export` wrote at each. Read again when it changes. "
            "Empty: there is no other site."
        ),
    ] = ""


class QualitySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of how calls went."""

    sdk_log: Annotated[bool, _says("Whether SDKs are asked for their log of warnings and errors.")] = True


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration."""

    server: ServerSettings = ServerSettings()
    signalling: SignallingSettings = SignallingSettings()
    api: ApiSettings = ApiSettings()
    admin: AdminSettings = AdminSettings()
    media: MediaSettings = MediaSettings()
    rooms: RoomSettings = RoomSettings()
    webhooks: WebhookSettings = WebhookSettings()
    log: LogSettings = LogSettings()
    traces: TraceSettings = TraceSettings()
    state: StateSettings = StateSettings()
    site: SiteSettings = SiteSettings()
    quality: QualitySettings = QualitySettings()
    database: DatabaseSettings = DatabaseSettings()
    keys: KeySettings = KeySettings()
    records: RecordsSettings = RecordsSettings()
    objects: ObjectsSettings = ObjectsSettings()
    bus: BusSettings = BusSettings()
