// SPDX-License-Identifier: Apache-2.0
// What the authority may say, checked field by field: protocol/sealing.md section 8.

import { LAST_INDEX, LAST_STEP } from "../sframe/schedule";
import { list, object, oneOf, type Shape, tagged, text, whole } from "../shape";
import { type Authority, type ErrorCode, MAX_SEALED_MEMBERS } from "../wire.gen";

const epoch = whole(1);
const step = whole(0, LAST_STEP);
const index = whole(0, LAST_INDEX);
const head = text(43);
const anyCode: Shape<ErrorCode> = (value) => text(64)(value) as ErrorCode;

const place = object<Authority.Place>({
  app: whole(1, 0xffff_ffff),
  kind: oneOf("number", "string"),
  room: text(64),
  instance: text(22),
});
const member = object<Authority.Member>({
  index,
  user: text(32),
  role: oneOf("publish", "receive", "recorder"),
  key: text(87),
  since: whole(),
});
const departure = object<Authority.Departure>({
  index,
  reason: oneOf("left", "lost", "removed", "expired", "replaced"),
});

/** A body, after its signature was verified. */
export const SIGNED_BODY = tagged<Authority.SignedBody>("kind", {
  snapshot: object<Authority.Snapshot>({
    kind: oneOf("snapshot"),
    place,
    epoch,
    step,
    suite: whole(0, 0xffff),
    offered: list(whole(), 8),
    you: index,
    members: list(member, MAX_SEALED_MEMBERS),
    head,
  }),
  change: object<Authority.Change>({
    kind: oneOf("change"),
    place,
    epoch,
    step,
    joined: list(member, MAX_SEALED_MEMBERS),
    left: list(departure, MAX_SEALED_MEMBERS),
    previous: head,
  }),
  secret: object<Authority.Secret>({
    kind: oneOf("secret"),
    place,
    epoch,
    step,
    to: index,
    reason: oneOf("join", "leave", "removal", "timer"),
    enc: text(87),
    ciphertext: text(256),
    head,
  }),
  alive: object<Authority.Alive>({ kind: oneOf("alive"), place, epoch, step, nonce: text(22), head }),
});

/** A message as it comes over the line. */
export const AUTHORITY_MESSAGE = tagged<Authority.AuthorityMessage>("type", {
  refused: object<Authority.Refused>({
    type: oneOf("refused"),
    code: anyCode,
    message: text(1024),
    action: text(1024),
  }),
  signed: object<Authority.Signed>({ type: oneOf("signed"), body: text(), signature: text(86) }),
});
