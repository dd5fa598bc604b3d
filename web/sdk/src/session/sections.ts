// SPDX-License-Identifier: Apache-2.0
// The sections of the one peer connection, in the order they are offered.

import type { TransceiverUse, Transforms } from "../sealing/transforms";
import { FIRST_AUDIO_SLOTS, FIRST_VIDEO_SLOTS, MAX_SLOTS, type Signalling, SLOT_GROWTH } from "../wire.gen";
import { choose } from "./codecs";
import { LAYERS } from "./layers";

const SENDS: ReadonlyArray<{ kind: "audio" | "video"; track: Signalling.Track }> = [
  { kind: "audio", track: "audio" },
  { kind: "video", track: "main" },
  { kind: "video", track: "screen" },
];

/** A receiving section; `place` numbers it for the sealing worker. */
export interface Receiving {
  readonly place: number;
  readonly kind: "audio" | "video";
  readonly transceiver: RTCRtpTransceiver;
}

/** Makes and finds sections. With `transforms`, every one of them is sealed from the moment it exists. */
export class Sections {
  readonly receiving: Receiving[] = [];
  private readonly sending = new Map<Signalling.Track, RTCRtpTransceiver>();
  private places = 0;

  constructor(
    private readonly connection: RTCPeerConnection,
    private readonly transforms: Transforms | null,
  ) {
    for (const { kind, track } of SENDS) {
      const sendEncodings = track === "main" ? LAYERS : undefined;
      const init: RTCRtpTransceiverInit = { direction: "sendonly", ...(sendEncodings && { sendEncodings }) };
      this.sending.set(track, this.make(kind, track, init));
    }
    this.addReceiving("audio", FIRST_AUDIO_SLOTS);
    this.addReceiving("video", FIRST_VIDEO_SLOTS);
    connection.createDataChannel("data");
  }

  /** Whether the server takes more slots. */
  get mayGrow(): boolean {
    return this.receiving.length + SLOT_GROWTH <= MAX_SLOTS;
  }

  /** More video slots, behind everything that is there. */
  grow(): void {
    this.addReceiving("video", SLOT_GROWTH);
  }

  /** The section that sends a track of ours. */
  sender(track: Signalling.Track): RTCRtpTransceiver {
    const transceiver = this.sending.get(track);
    if (transceiver === undefined) throw new RangeError(`no section for ${track}`);
    return transceiver;
  }

  /** For `enter`: which section carries what. Mids are there once the offer is set. */
  get sends(): Signalling.SendSection[] {
    return [...this.sending].map(([track, { mid }]) => ({ mid: mid ?? "", track }));
  }

  /** The receiving section with this mid. */
  receivingAt(mid: string): Receiving | undefined {
    return this.receiving.find(({ transceiver }) => transceiver.mid === mid);
  }

  private addReceiving(kind: "audio" | "video", count: number): void {
    for (let made = 0; made < count; made++) {
      const place = this.places;
      const transceiver = this.make(kind, null, { direction: "recvonly" });
      this.receiving.push({ place, kind, transceiver });
    }
  }

  private make(
    kind: "audio" | "video",
    send: TransceiverUse["send"],
    init: RTCRtpTransceiverInit,
  ): RTCRtpTransceiver {
    const transceiver = this.connection.addTransceiver(kind, init);
    this.transforms?.attach(transceiver, { send, kind, place: this.places++ });
    const side = init.direction === "sendonly" ? RTCRtpSender : RTCRtpReceiver;
    transceiver.setCodecPreferences(choose(kind, side.getCapabilities(kind)?.codecs ?? []));
    return transceiver;
  }
}
