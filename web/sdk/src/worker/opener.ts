// SPDX-License-Identifier: Apache-2.0
// What a receive slot lets through: protocol/sealing.md section 6.

import type { RefusalReason } from "../sealing/port";
import type { Bytes } from "../sframe/bytes";
import { type Codec, clearPrefixLength, frameMetadata, restored, uncarried } from "../sframe/frame";
import { type Header, readHeader } from "../sframe/header";
import { type KeyId, readKeyId, type SealedTrack, TRACK_NUMBER } from "../sframe/schedule";
import { TAG_LENGTH } from "../sframe/suite";
import { LAST_COUNTER } from "./counters";
import type { Candidate, Search } from "./ring";

/** Whose frames a video slot opens. */
export interface Source {
  readonly user: string;
  readonly track: SealedTrack;
}

/** What an opener has to know of the room. */
export interface OpeningRoom {
  /** Our own index: a frame of it that comes back is refused. */
  readonly you: number | undefined;
  indexOf(user: string): number | undefined;
  userAt(index: number): string | undefined;
  /** Whether the roster lets the member at this index send. */
  mayPublish(index: number): boolean;
  find(id: KeyId): Search;
}

/** `opened`: to be handed on; `wait`: ask again when keys or roster changed; `stale`: of the source bound before, drop. */
export type Verdict =
  | { readonly is: "opened"; readonly body: Bytes; readonly user: string }
  | { readonly is: "refused"; readonly reason: RefusalReason }
  | { readonly is: "wait"; readonly reason: RefusalReason }
  | { readonly is: "stale" };

/** A frame taken apart; nothing of it is believed yet. */
interface Parts {
  readonly id: KeyId;
  readonly header: Header;
  readonly prefix: Bytes;
  /** Header, ciphertext and tag. */
  readonly sealed: Bytes;
}

/** For how long frames of the source before are expected after a slot was bound anew. */
const REBIND_MS = 1_000;
const TRACKS: readonly number[] = Object.values(TRACK_NUMBER);

const refused = (reason: RefusalReason): Verdict => ({ is: "refused", reason });

/** Opens the frames of one receive slot. */
export class Opener {
  private source: Source | undefined;
  private before: { readonly source: Source; readonly until: number } | undefined;

  constructor(
    private readonly kind: "audio" | "video",
    private readonly room: OpeningRoom,
    private readonly now: () => number,
  ) {}

  /** Says whose frames a video slot opens from now on. Audio slots open anybody's audio, and say whose it was. */
  bind(source: Source | undefined): void {
    if (this.source) this.before = { source: this.source, until: this.now() + REBIND_MS };
    this.source = source;
  }

  /** Judges one frame. Nothing but an authenticated body of the right sender comes back as `opened`. */
  async open(frame: Bytes, codec: Codec | undefined): Promise<Verdict> {
    const parts = this.takeApart(frame, codec);
    if (typeof parts === "string") return refused(parts);
    const sender = this.sender(parts.id);
    if (typeof sender !== "string") return sender;
    const found = this.room.find(parts.id);
    if (found === "wait") return { is: "wait", reason: "no_key" };
    if (found === "old") return refused("old_epoch");
    return this.decrypt(codec as Codec, parts, found, sender);
  }

  private takeApart(frame: Bytes, codec: Codec | undefined): Parts | RefusalReason {
    if (codec === undefined) return "malformed";
    const clear = clearPrefixLength(codec, frame);
    if (clear === undefined) return "malformed";
    const prefix = frame.slice(0, clear);
    const sealed = uncarried(codec, prefix, frame.slice(clear));
    if (sealed === undefined) return "malformed";
    let header: Header;
    try {
      header = readHeader(sealed);
    } catch {
      return "malformed";
    }
    const id = readKeyId(header.kid);
    if (id === undefined || !TRACKS.includes(id.track)) return "clear";
    if (header.ctr > LAST_COUNTER || sealed.length < header.length + TAG_LENGTH) return "malformed";
    return { id, header, prefix, sealed };
  }

  /** The user whose frame it claims to be, if this slot may show that user. */
  private sender(id: KeyId): string | Verdict {
    if (id.index === this.room.you) return refused("wrong_sender");
    if (this.room.userAt(id.index) !== undefined && !this.room.mayPublish(id.index))
      return refused("wrong_sender");
    if (this.kind === "audio") {
      if (id.track !== TRACK_NUMBER.audio) return refused("wrong_sender");
      return this.room.userAt(id.index) ?? { is: "wait", reason: "wrong_sender" };
    }
    if (this.source && this.matches(this.source, id)) return this.source.user;
    if (this.before && this.before.until > this.now() && this.matches(this.before.source, id))
      return { is: "stale" };
    const awaited = this.source !== undefined && this.room.indexOf(this.source.user) === undefined;
    return awaited ? { is: "wait", reason: "wrong_sender" } : refused("wrong_sender");
  }

  private matches(source: Source, id: KeyId): boolean {
    return TRACK_NUMBER[source.track] === id.track && this.room.indexOf(source.user) === id.index;
  }

  private async decrypt(
    codec: Codec,
    { id, header, prefix, sealed }: Parts,
    candidate: Candidate,
    user: string,
  ): Promise<Verdict> {
    const key = await candidate.key.catch(() => undefined);
    if (key === undefined) return refused("old_epoch");
    const { cipher, window } = key;
    const counter = Number(header.ctr);
    if (window.has(counter)) return refused("replay");
    const metadata = frameMetadata(id.track, codec, prefix);
    let body: Bytes;
    try {
      body = await cipher.open(
        header.ctr,
        sealed.slice(0, header.length),
        metadata,
        sealed.slice(header.length),
      );
    } catch {
      return refused("bad_tag");
    }
    if (!window.accept(counter)) return refused("replay");
    candidate.commit();
    // The slot may have been bound anew while the cipher worked: this would then be one member's picture in another's tile.
    if (this.sender(id) !== user) return { is: "stale" };
    return { is: "opened", body: restored(codec, prefix, body), user };
  }
}
