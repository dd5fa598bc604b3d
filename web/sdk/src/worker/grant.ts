// SPDX-License-Identifier: Apache-2.0
// Reading one's own grant: protocol/sealing.md section 7. Its signature is for the authority to verify, not for us.

import type { SealedRoom } from "../sealing/port";
import { type Bytes, fromB64u } from "../sframe/bytes";
import { object, oneOf, parse, text, whole } from "../shape";
import type { Authority } from "../wire.gen";
import { SealingFault } from "./fault";

const MOST_BYTES = 4096;

const HEADER = object<{ alg: string; typ: string; kid?: string }>(
  { alg: oneOf("EdDSA", "ES256"), typ: oneOf("sealroom-grant+jwt"), kid: text(256) },
  ["kid"],
);
const CLAIMS = object<Authority.GrantClaims>({
  iss: text(),
  aud: text(),
  app: whole(1, 0xffff_ffff),
  room: object<Authority.GrantRoom>({ kind: oneOf("number", "string"), id: text() }),
  sub: text(),
  role: oneOf("publish", "receive", "recorder"),
  iat: whole(),
  exp: whole(),
  jti: text(),
  mks: whole(1, 300),
  auk: text(43),
});

/** Whose grant it has to be. */
export interface GrantSubject {
  readonly sdkAppId: number;
  readonly userId: string;
  readonly room: SealedRoom;
}

/** What we need of a grant. */
export interface OwnGrant {
  readonly jwt: string;
  /** Unix seconds. */
  readonly expires: number;
  readonly maxKeySilenceMs: number;
  /** Ed25519, 32 bytes. */
  readonly authorityKey: Bytes;
}

/** Takes a grant if it is for this user, application and room and has not expired; throws SealingFault otherwise. */
export function readGrant(jwt: string, wanted: GrantSubject, nowSeconds: number): OwnGrant {
  const claims = decode(jwt);
  const { app, room, sub, exp } = claims;
  if (app !== wanted.sdkAppId || sub !== wanted.userId) throw new SealingFault("grant_not_for_us");
  if (room.kind !== wanted.room.kind || room.id !== wanted.room.id)
    throw new SealingFault("grant_not_for_us");
  if (exp <= nowSeconds) throw new SealingFault("grant_expired");
  const authorityKey = keyOf(claims.auk);
  return { jwt, expires: exp, maxKeySilenceMs: claims.mks * 1000, authorityKey };
}

function decode(jwt: string): Authority.GrantClaims {
  const [header, body, signature, ...more] = jwt.split(".");
  if (jwt.length > MOST_BYTES || !header || !body || !signature || more.length > 0) {
    throw new SealingFault("grant_malformed");
  }
  try {
    parse(textOf(header), HEADER);
    return parse(textOf(body), CLAIMS);
  } catch {
    throw new SealingFault("grant_malformed");
  }
}

function textOf(part: string): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(fromB64u(part));
}

function keyOf(text: string): Bytes {
  let key: Bytes;
  try {
    key = fromB64u(text);
  } catch {
    throw new SealingFault("grant_malformed");
  }
  if (key.length !== 32) throw new SealingFault("grant_malformed");
  return key;
}
