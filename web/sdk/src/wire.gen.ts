// SPDX-License-Identifier: Apache-2.0
// Derived from sealroom_wire by tools/protocol_types.py; do not edit.

export const MAX_SDP_BYTES = 114688;
export const MAX_SLOTS = 64;
export const FIRST_AUDIO_SLOTS = 6;
export const FIRST_VIDEO_SLOTS = 12;
export const SLOT_GROWTH = 8;
export const MAX_SEALED_MEMBERS = 500;
export const MAX_CUSTOM_COMMAND = 10;
export const MAX_CUSTOM_BYTES = 1024;
export const MAX_CUSTOM_FRAME_BYTES = 1063;
export const MAX_RECORDED_PARTICIPANTS = 40;
export const MAX_KEPT_DATASETS = 64;
export const MAX_KEPT_FIELDS = 64;
export const MAX_KEPT_ROWS = 4;
export const MAX_KEPT_CHARACTERS = 400;
export const MAX_REPORTED_EVENTS = 16;
export const MAX_LOG_ENTRIES = 40;
export const MAX_LOG_BYTES = 8192;
export const MIN_SAMPLE_EVERY = 500;
export const PROTOCOL_VERSION = 1;
export const SIGNATURE_PREFIX = "sealroom authority 1\n";
export const ZERO_HEAD = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

export type ErrorCode =
  | "malformed_message"
  | "message_too_large"
  | "too_many_messages"
  | "version_not_supported"
  | "origin_not_allowed"
  | "enter_first"
  | "already_entered"
  | "enter_timeout"
  | "server_busy"
  | "internal_error"
  | "user_id_invalid"
  | "room_id_invalid"
  | "sdk_app_id_invalid"
  | "application_unknown"
  | "application_disabled"
  | "application_at_another_site"
  | "user_sig_malformed"
  | "user_sig_expired"
  | "user_sig_from_the_future"
  | "user_sig_life_too_long"
  | "user_sig_bad_signature"
  | "user_sig_wrong_user"
  | "user_sig_wrong_application"
  | "user_sig_revoked"
  | "private_map_key_required"
  | "private_map_key_malformed"
  | "private_map_key_expired"
  | "private_map_key_bad_signature"
  | "private_map_key_wrong_room"
  | "private_map_key_wrong_user"
  | "private_map_key_wrong_application"
  | "no_right_to_create_room"
  | "no_right_to_enter"
  | "no_right_to_send_audio"
  | "no_right_to_send_video"
  | "no_right_to_send_screen"
  | "no_right_to_receive_audio"
  | "no_right_to_receive_video"
  | "no_right_to_receive_screen"
  | "audience_cannot_publish"
  | "room_full"
  | "too_many_publishers"
  | "screen_taken"
  | "scene_differs"
  | "sealing_required"
  | "not_published"
  | "slot_unknown"
  | "source_unknown"
  | "no_right_to_send_custom"
  | "custom_message_malformed"
  | "custom_message_too_large"
  | "custom_message_not_sealed"
  | "too_many_custom_messages"
  | "too_many_records"
  | "reports_not_wanted"
  | "report_malformed"
  | "too_many_reports"
  | "replaced_by_new_entry"
  | "engine_failed"
  | "room_unknown"
  | "user_not_in_room"
  | "too_many_users"
  | "removed_from_room"
  | "room_dismissed"
  | "banned"
  | "sdp_malformed"
  | "sdp_not_supported"
  | "grant_malformed"
  | "grant_bad_signature"
  | "grant_expired"
  | "grant_not_for_us"
  | "grant_replayed"
  | "authority_key_retired"
  | "member_key_invalid"
  | "suite_not_supported"
  | "member_unknown"
  | "credential_invalid";

export declare namespace Signalling {
  type CaptureFault = "not_found" | "denied" | "busy" | "overconstrained" | "ended" | "other";
  type Device = "camera" | "microphone" | "speaker" | "screen";
  type DeviceAction = "add" | "remove" | "active";
  type FrameRefusal = "no_key" | "bad_tag" | "replay" | "clear" | "wrong_sender" | "old_epoch" | "malformed";
  type KeyState = "joining" | "sealed" | "unreachable" | "paused" | "failed";
  type KickReason = "kick" | "banned" | "room_disband";
  type LeaveReason = "left" | "timeout" | "kicked" | "role_changed";
  type LimitedBy = "none" | "cpu" | "bandwidth" | "other";
  type LogLevel = "debug" | "info" | "warning" | "error";
  type LostBy = "line" | "media" | "server";
  type Network = "none" | "wired" | "wifi" | "cellular" | "vpn" | "other";
  type Pressure = "nominal" | "fair" | "serious" | "critical";
  type Reading = "read" | "unreadable" | "not_found_by_call" | "not_told";
  type Role = "anchor" | "audience";
  type Scene = "rtc" | "live";
  type Sealing = "required" | "optional";
  type SlotKind = "audio" | "video";
  type Track = "audio" | "main" | "screen";
  interface Answered {
    type: "answered";
    id: number;
    sdp: string;
    slots: ReadonlyArray<ReceiveSlot>;
  }
  interface AskKept {
    type: "kept";
    id: number;
  }
  interface AskRecord {
    type: "record";
    id: number;
  }
  interface AudioSlot {
    slot: number;
    userId: string | null;
  }
  interface AudioSlots {
    type: "audio-slots";
    slots: ReadonlyArray<AudioSlot>;
  }
  interface Bind {
    type: "bind";
    id: number;
    bindings: ReadonlyArray<Binding>;
  }
  interface Binding {
    slot: number;
    generation: number;
    source: Source | null;
  }
  interface Blocked {
    type: "blocked";
    audio: boolean;
    video: boolean;
  }
  interface CaptureFailed {
    what: "capture-failed";
    at: number;
    device: Device;
    reason: CaptureFault;
  }
  interface ClientInfo {
    sdk?: string;
    version?: string;
    os?: string;
  }
  interface CustomMessage {
    type: "custom-message";
    userId: string;
    data: string;
  }
  interface DeviceChanged {
    what: "device-changed";
    at: number;
    device: Device;
    action: DeviceAction;
  }
  interface Done {
    type: "done";
    id: number;
  }
  interface Enter {
    type: "enter";
    id: number;
    version: number;
    sdkAppId: number;
    userId: string;
    userSig: string;
    sdp: string;
    sends: ReadonlyArray<SendSection>;
    roomId?: number | null;
    strRoomId?: string | null;
    privateMapKey?: string | null;
    scene?: Scene;
    role?: Role;
    client?: ClientInfo;
  }
  interface Entered {
    type: "entered";
    id: number;
    version: number;
    sdp: string;
    slots: ReadonlyArray<ReceiveSlot>;
    participants: ReadonlyArray<Participant>;
    sealing: Sealing;
    serverTime: number;
    reports?: Reports | null;
    kept?: boolean;
  }
  interface FirstFrame {
    what: "first-frame";
    at: number;
    slot: number;
  }
  interface FramesRefused {
    what: "frames-refused";
    at: number;
    reason: FrameRefusal;
    count: number;
    slot?: number | null;
  }
  interface Kept {
    type: "kept";
    id: number;
    takenAt: number;
    classes: ReadonlyArray<KeptClass>;
    datasets: ReadonlyArray<KeptDataset>;
    others: number;
  }
  interface KeptClass {
    name: string;
    meaning: string;
  }
  interface KeptDataset {
    name: string;
    what: string;
    dataClass: string;
    purpose: string;
    kept: string;
    place: string;
    store: string;
    fields: ReadonlyArray<KeptField>;
    rows: ReadonlyArray<KeptRow>;
    reading: Reading;
  }
  interface KeptField {
    name: string;
    what: string;
    personal: boolean;
    dataClass: string;
  }
  interface KeptRow {
    values: ReadonlyArray<string | number | boolean | null>;
    withheld: ReadonlyArray<number>;
  }
  interface KeyFrame {
    type: "key-frame";
    id: number;
    slot: number;
  }
  interface KeyStateChanged {
    what: "key-state-changed";
    at: number;
    state: KeyState;
  }
  interface KeyWaited {
    what: "key-waited";
    at: number;
    waited: number;
    first?: boolean;
  }
  interface KickedOut {
    type: "kicked-out";
    reason: KickReason;
  }
  interface LayerRecord {
    layer: number;
    codec: string;
    packets: number;
    payloadBytes: number;
    bitRate: number | null;
    keyFrameAge: number | null;
    width: number | null;
    height: number | null;
    seal: SealSeen | null;
  }
  interface Leave {
    type: "leave";
    id: number;
  }
  interface LogEntry {
    at: number;
    level: LogLevel;
    event: string;
    code?: number;
    reason?: string;
    place?: string;
    track?: Track | null;
    count?: number;
  }
  interface MediaRestarted {
    what: "media-restarted";
    at: number;
  }
  interface Mute {
    type: "mute";
    id: number;
    track: Track;
    muted: boolean;
  }
  interface NetworkChanged {
    what: "network-changed";
    at: number;
    network: Network;
  }
  interface Offer {
    type: "offer";
    id: number;
    sdp: string;
  }
  interface Participant {
    userId: string;
    role: Role;
    tracks: ReadonlyArray<PublishedTrack>;
  }
  interface ParticipantEntered {
    type: "participant-entered";
    participant: Participant;
  }
  interface ParticipantLeft {
    type: "participant-left";
    userId: string;
    reason: LeaveReason;
  }
  interface ParticipantRecord {
    userId: string;
    role: Role;
    since: number;
    address: string | null;
    client: ClientInfo;
    tracks: ReadonlyArray<TrackRecord>;
  }
  interface Ping {
    type: "ping";
    id: number;
  }
  interface Pong {
    type: "pong";
    id: number;
  }
  interface Publish {
    type: "publish";
    id: number;
    track: Track;
    muted?: boolean;
  }
  interface PublishedTrack {
    track: Track;
    muted: boolean;
  }
  interface ReceiveSlot {
    slot: number;
    kind: SlotKind;
    mid: string;
  }
  interface ReceivedStream {
    slot: number;
    bitRate?: number;
    packets?: number;
    lost?: number;
    jitter?: number | null;
    jitterBuffer?: number | null;
    frameRate?: number | null;
    width?: number | null;
    height?: number | null;
    dropped?: number | null;
    freezes?: number | null;
    frozen?: number | null;
    concealed?: number | null;
    volume?: number | null;
  }
  interface Reconnected {
    what: "reconnected";
    at: number;
    lost: LostBy;
    took: number;
    tries: number;
  }
  interface Record {
    type: "record";
    id: number;
    takenAt: number;
    since: number;
    counts: RoomCounts;
    participants: ReadonlyArray<ParticipantRecord>;
    more: number;
  }
  interface Refused {
    type: "refused";
    id: number;
    code: ErrorCode;
    message: string;
    action: string;
    trtc?: number;
    endpoint?: string;
  }
  interface RefusedPackets {
    reason: string;
    packets: number;
  }
  interface ReportEvents {
    type: "event";
    id: number;
    events: ReadonlyArray<DeviceChanged | CaptureFailed | NetworkChanged | VisibilityChanged | FirstFrame | Reconnected | MediaRestarted | KeyWaited | KeyStateChanged | FramesRefused>;
  }
  interface ReportLog {
    type: "log";
    id: number;
    entries: ReadonlyArray<LogEntry>;
  }
  interface ReportQuality {
    type: "quality";
    id: number;
    sample: Sample;
  }
  interface Reports {
    sampleEvery: number;
    log?: boolean;
  }
  interface RoomCounts {
    acceptedPackets: number;
    forwardedPackets: number;
    forwardedBytes: number;
    resentPackets: number;
    keyFrameRequests: number;
    customMessages: number;
    customBytes: number;
  }
  interface Sample {
    at: number;
    span: number;
    hidden?: boolean;
    connected?: boolean;
    rtt?: number | null;
    upLoss?: number | null;
    downLoss?: number | null;
    upRate?: number | null;
    downRate?: number | null;
    availableUp?: number | null;
    cpu?: Pressure | null;
    memory?: number | null;
    network?: Network | null;
    sealing?: SealedFrames | null;
    sent?: ReadonlyArray<SentStream>;
    received?: ReadonlyArray<ReceivedStream>;
  }
  interface SealSeen {
    epoch: number;
    step: number;
    index: number;
    firstCounter: number;
    lastCounter: number;
    frames: number;
  }
  interface SealedFrames {
    sealed?: number;
    opened?: number;
    unsent?: number;
    refused?: number;
  }
  interface SendCustom {
    type: "send-custom";
    id: number;
    data: string;
  }
  interface SendSection {
    mid: string;
    track: Track;
  }
  interface SentStream {
    track: Track;
    layer?: number;
    bitRate?: number;
    packets?: number;
    resent?: number;
    loss?: number | null;
    rtt?: number | null;
    jitter?: number | null;
    captureRate?: number | null;
    frameRate?: number | null;
    width?: number | null;
    height?: number | null;
    encodeTime?: number | null;
    limitedBy?: LimitedBy | null;
    volume?: number | null;
  }
  interface Source {
    userId: string;
    track: Track;
    layer?: number;
  }
  interface TrackMuted {
    type: "track-muted";
    userId: string;
    track: Track;
    muted: boolean;
  }
  interface TrackPublished {
    type: "track-published";
    userId: string;
    track: Track;
    muted: boolean;
  }
  interface TrackRecord {
    track: Track;
    published: boolean;
    muted: boolean;
    loudness: number | null;
    layers: ReadonlyArray<LayerRecord>;
    refused: ReadonlyArray<RefusedPackets>;
  }
  interface TrackUnpublished {
    type: "track-unpublished";
    userId: string;
    track: Track;
  }
  interface Unpublish {
    type: "unpublish";
    id: number;
    track: Track;
  }
  interface VisibilityChanged {
    what: "visibility-changed";
    at: number;
    hidden: boolean;
  }
  type ClientMessage = Enter | Offer | Publish | Unpublish | Mute | Bind | KeyFrame | SendCustom | AskRecord | AskKept | ReportQuality | ReportEvents | ReportLog | Leave | Ping;
  type ServerMessage = Entered | Answered | Done | Refused | Record | Kept | Pong | ParticipantEntered | ParticipantLeft | TrackPublished | TrackUnpublished | TrackMuted | CustomMessage | AudioSlots | Blocked | KickedOut;
}

export declare namespace Authority {
  type LeftReason = "left" | "lost" | "removed" | "expired" | "replaced";
  type MemberRole = "publish" | "receive" | "recorder";
  type RoomKind = "number" | "string";
  type SecretReason = "join" | "leave" | "removal" | "timer";
  interface Alive {
    kind: "alive";
    place: Place;
    epoch: number;
    step: number;
    nonce: string;
    head: string;
  }
  interface Change {
    kind: "change";
    place: Place;
    epoch: number;
    step: number;
    joined: ReadonlyArray<Member>;
    left: ReadonlyArray<Departure>;
    previous: string;
  }
  interface Departure {
    index: number;
    reason: LeftReason;
  }
  interface GrantClaims {
    iss: string;
    aud: string;
    app: number;
    room: GrantRoom;
    sub: string;
    role: MemberRole;
    iat: number;
    exp: number;
    jti: string;
    mks: number;
    auk: string;
  }
  interface GrantRoom {
    kind: RoomKind;
    id: string;
  }
  interface Join {
    type: "join";
    version: number;
    grant: string;
    memberKey: string;
    suites: ReadonlyArray<number>;
  }
  interface Member {
    index: number;
    user: string;
    role: MemberRole;
    key: string;
    since: number;
  }
  interface Ping {
    type: "ping";
    nonce: string;
  }
  interface Place {
    app: number;
    kind: RoomKind;
    room: string;
    instance: string;
  }
  interface Refused {
    type: "refused";
    code: ErrorCode;
    message: string;
    action: string;
  }
  interface Renew {
    type: "renew";
    grant: string;
  }
  interface Secret {
    kind: "secret";
    place: Place;
    epoch: number;
    step: number;
    to: number;
    reason: SecretReason;
    enc: string;
    ciphertext: string;
    head: string;
  }
  interface Signed {
    type: "signed";
    body: string;
    signature: string;
  }
  interface Snapshot {
    kind: "snapshot";
    place: Place;
    epoch: number;
    step: number;
    suite: number;
    offered: ReadonlyArray<number>;
    you: number;
    members: ReadonlyArray<Member>;
    head: string;
  }
  type DeviceMessage = Join | Renew | Ping;
  type AuthorityMessage = Refused | Signed;
  type SignedBody = Snapshot | Change | Secret | Alive;
}
