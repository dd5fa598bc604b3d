// SPDX-License-Identifier: Apache-2.0
// The sending half of a session: our tracks, and what the server is told of them.

import type { Signalling } from "../wire.gen";
import { type LayerEncoding, layersFor } from "./layers";
import type { SignallingLine } from "./line";
import type { Sections } from "./sections";

/** What a sender gets: the track and, for video, its ceiling in bit a second. */
export interface Outgoing {
  readonly media: MediaStreamTrack;
  readonly muted: boolean;
  readonly bitrate: number;
}

/** The typings do not know the second argument of `setParameters` yet. */
interface KeyFrameSender {
  setParameters(
    parameters: RTCRtpSendParameters,
    options: { encodingOptions: Array<{ keyFrame: boolean }> },
  ): Promise<void>;
}

/** Never negotiates: the sections were offered at entry. */
export class Sending {
  /** How often each track was taken back: **what was asked for before that puts no source there again**. */
  private readonly ends = new Map<Signalling.Track, number>();

  constructor(
    private readonly sections: Sections,
    private readonly ask: SignallingLine["ask"],
  ) {}

  /** Sends a track. The server is asked first: without the right nothing is sent. */
  async publish(track: Signalling.Track, outgoing: Outgoing): Promise<void> {
    const begun = this.endsOf(track);
    await this.ask({ type: "publish", track, muted: outgoing.muted });
    if (begun === this.endsOf(track)) await this.replace(track, outgoing);
  }

  /** Puts another source behind a track that is sent. */
  async replace(track: Signalling.Track, { media, bitrate }: Outgoing): Promise<void> {
    const begun = this.endsOf(track);
    const { sender } = this.sections.sender(track);
    if (media.kind === "video") await limit(sender, media, bitrate);
    if (begun === this.endsOf(track)) await sender.replaceTrack(media);
  }

  async unpublish(track: Signalling.Track): Promise<void> {
    this.ends.set(track, this.endsOf(track) + 1);
    await this.sections.sender(track).sender.replaceTrack(null);
    await this.ask({ type: "unpublish", track });
  }

  async setMuted(track: Signalling.Track, muted: boolean): Promise<void> {
    await this.ask({ type: "mute", track, muted });
  }

  private endsOf(track: Signalling.Track): number {
    return this.ends.get(track) ?? 0;
  }

  /** Makes every layer of a track begin anew with a key frame. Rejects where the browser cannot. */
  async makeKeyFrame(track: "main" | "screen"): Promise<void> {
    const { sender } = this.sections.sender(track);
    const parameters = sender.getParameters();
    const encodingOptions = parameters.encodings.map(() => ({ keyFrame: true }));
    await (sender as KeyFrameSender).setParameters(parameters, { encodingOptions });
  }
}

async function limit(sender: RTCRtpSender, media: MediaStreamTrack, bitrate: number): Promise<void> {
  const { width = 1280, height = 720 } = media.getSettings();
  const parameters = sender.getParameters();
  if (parameters.encodings.length === 0) return;
  const encodings: LayerEncoding[] = parameters.encodings;
  parameters.encodings = layersFor(encodings, { width, height }, bitrate);
  await sender.setParameters(parameters);
}
