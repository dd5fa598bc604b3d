// SPDX-License-Identifier: Apache-2.0
// What page and sealing worker say to each other. No secret is in any of it: keys never leave the worker.

import type { Bytes } from "../sframe/bytes";
import type { ErrorCode } from "../wire.gen";

/** Why a received frame was not shown: protocol/sealing.md section 6. */
export type RefusalReason =
  | "no_key"
  | "bad_tag"
  | "replay"
  | "clear"
  | "wrong_sender"
  | "old_epoch"
  | "malformed";

/** A room as grants name it: `number` with the decimal digits, or `string`. */
export interface SealedRoom {
  readonly kind: "number" | "string";
  readonly id: string;
}

/** What a transform is for; goes to the worker as the transform's options. `place` numbers the sections of one entry. */
export type TransformOptions =
  | { readonly side: "send"; readonly track: "audio" | "main" | "screen" | null; readonly entry: number }
  | {
      readonly side: "receive";
      readonly kind: "audio" | "video";
      readonly place: number;
      readonly entry: number;
    };

/**
 * `joining`: no key yet. `sealed`: keys are there, the line to the authority lives. `unreachable`: it broke; frames still
 * flow under the keys we have. `paused`: it has been silent too long, we send nothing. `failed`: over for good.
 */
export type SealingState = "joining" | "sealed" | "unreachable" | "paused" | "failed";

/** One entry of the roster that the authority signed. `since` in Unix seconds. */
export interface RosterMember {
  readonly userId: string;
  readonly role: "publish" | "receive" | "recorder";
  readonly since: number;
}

/** What went wrong, for a person; `code` is one of the wire's, or one of the worker's own. */
export interface Fault {
  readonly code:
    | ErrorCode
    | "grant_not_given"
    | "authority_unreachable"
    | "authority_not_trusted"
    | "removed"
    | "worker_failed";
  readonly message: string;
  readonly action: string;
}

export interface Refusals {
  /** Null: custom messages, which arrive in no section. */
  readonly place: number | null;
  readonly entry: number;
  readonly reason: RefusalReason;
  readonly count: number;
}

/** Frames since the worker started. */
export interface FrameCounts {
  readonly sealed: number;
  readonly opened: number;
  /** Ours that were not sent, because there was no key or the frame was not understood. */
  readonly unsent: number;
}

export type ToWorker =
  | {
      readonly type: "start";
      readonly authority: string;
      readonly sdkAppId: number;
      readonly userId: string;
      readonly room: SealedRoom;
    }
  | { readonly type: "grant"; readonly id: number; readonly grant: string | null }
  | {
      readonly type: "bind";
      readonly entry: number;
      readonly place: number;
      readonly source: { readonly user: string; readonly track: "main" | "screen" } | null;
    }
  /** Payload types of this entry's offer, for frames that do not say their MIME type. */
  | { readonly type: "codecs"; readonly entry: number; readonly names: ReadonlyArray<[number, string]> }
  /** Seal a custom message; answered by `message-sealed`. */
  | { readonly type: "seal-message"; readonly id: number; readonly command: number; readonly data: Bytes }
  /** A custom message that the operator says is of `userId`; told as `message` if it opens. */
  | { readonly type: "open-message"; readonly userId: string; readonly frame: string }
  | { readonly type: "end-entry"; readonly entry: number }
  | { readonly type: "alive"; readonly id: number }
  | { readonly type: "stop" };

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "grant-wanted"; readonly id: number }
  | {
      readonly type: "state";
      readonly state: SealingState;
      readonly epoch: number | null;
      readonly step: number | null;
      readonly fault: Fault | null;
    }
  | {
      readonly type: "roster";
      readonly members: readonly RosterMember[];
      /** The authentication string of this roster; empty before there is one. */
      readonly words: readonly string[];
    }
  /** Frames of `userId` open in this audio slot from now on. */
  | { readonly type: "voice"; readonly entry: number; readonly place: number; readonly userId: string }
  /** The sender of this track should make a key frame. */
  | { readonly type: "key-frame-wanted"; readonly entry: number; readonly track: "main" | "screen" }
  /** In base64url, as it goes to the operator; null when it cannot be sealed now. */
  | { readonly type: "message-sealed"; readonly id: number; readonly frame: string | null }
  | {
      readonly type: "message";
      readonly userId: string;
      readonly command: number;
      readonly sequence: number;
      readonly data: Bytes;
    }
  | { readonly type: "refused"; readonly refusals: readonly Refusals[] }
  /** `waited`: the longest that a frame which then opened had to wait for its key, in milliseconds since it was last told. */
  | { readonly type: "counts"; readonly counts: FrameCounts; readonly waited: number }
  | { readonly type: "alive"; readonly id: number };
