// SPDX-License-Identifier: Apache-2.0
// An authority as protocol/sealing.md describes it, for one room, without a socket.
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { type Bytes, concat, fromB64u, toB64u, utf8 } from "../../src/sframe/bytes";
import { firstSecret, nextSecret, type RoomContext } from "../../src/sframe/schedule";
import { SUITE_IDS, suiteOf } from "../../src/sframe/suite";
import { type Authority, SIGNATURE_PREFIX, ZERO_HEAD } from "../../src/wire.gen";
import type { GrantSubject } from "../../src/worker/grant";
import { secretInfo } from "../../src/worker/hpke";

const HPKE = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** A body, its text, and the message that carries it. */
export interface Spoken<T extends Authority.SignedBody = Authority.SignedBody> {
  body: T;
  text: string;
  message: Authority.Signed;
}

export class FakeAuthority {
  readonly context: RoomContext;
  epoch = 1;
  step = 0;
  head = ZERO_HEAD;
  members: Authority.Member[] = [];
  private secret: Bytes = new Uint8Array(0);
  private nextIndex = 0;

  private constructor(
    readonly subject: Omit<GrantSubject, "userId">,
    private readonly keys: CryptoKeyPair,
    readonly publicKey: Bytes,
    suite: 4 | 5,
  ) {
    const { sdkAppId: app, room } = subject;
    const instance = crypto.getRandomValues(new Uint8Array(16));
    const known = suiteOf(suite);
    if (known === undefined) throw new Error("suite");
    this.context = { suite: known, app, kind: room.kind, room: room.id, instance };
  }

  static async start(subject: Omit<GrantSubject, "userId">, suite: 4 | 5 = 5): Promise<FakeAuthority> {
    const keys = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
    const authority = new FakeAuthority(subject, keys, publicKey, suite);
    await authority.newEpoch(1);
    return authority;
  }

  /** A grant as the customer's backend would sign it; nobody here verifies its signature. */
  grant(user: string, changes: Partial<Authority.GrantClaims> = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const claims: Authority.GrantClaims = {
      iss: "customer",
      aud: "authority",
      app: this.subject.sdkAppId,
      room: this.subject.room,
      sub: user,
      role: "publish",
      iat: now,
      exp: now + 3600,
      jti: toB64u(crypto.getRandomValues(new Uint8Array(8))),
      mks: 30,
      auk: toB64u(this.publicKey),
      ...changes,
    };
    const header = { alg: "EdDSA", typ: "sealroom-grant+jwt" };
    return [header, claims]
      .map((part) => toB64u(utf8(JSON.stringify(part))))
      .join(".")
      .concat(".c2ln");
  }

  /** Lets somebody in: what the newcomer is sent, and the change for those who were there. */
  async join(
    user: string,
    key: string,
    role: Authority.Member["role"] = "publish",
  ): Promise<{ toAll: Spoken | undefined; toNewcomer: Spoken[]; index: number }> {
    const index = this.nextIndex++;
    const member: Authority.Member = { index, user, role, key, since: 1_700_000_000 + index };
    const first = this.members.length === 0;
    this.members.push(member);
    if (!first) {
      this.step++;
      this.secret = await nextSecret(this.context.suite, this.secret);
    }
    const toAll = first ? undefined : await this.change([member], []);
    return { toAll, toNewcomer: [await this.snapshot(index), await this.secretFor(index, "join")], index };
  }

  /** Takes somebody off the roster; the change, and the new secret for each member that stays. */
  async leave(
    index: number,
    reason: Authority.LeftReason = "left",
  ): Promise<{ change: Spoken; secrets: Map<number, Spoken> }> {
    this.members = this.members.filter((member) => member.index !== index);
    await this.newEpoch(this.epoch + 1);
    const change = await this.change([], [{ index, reason }]);
    const why = reason === "removed" ? "removal" : "leave";
    const secrets = new Map<number, Spoken>();
    for (const member of this.members) secrets.set(member.index, await this.secretFor(member.index, why));
    return { change, secrets };
  }

  async newEpoch(epoch: number): Promise<void> {
    this.epoch = epoch;
    this.step = 0;
    const { secretLength } = this.context.suite;
    this.secret = await firstSecret(
      this.context,
      epoch,
      crypto.getRandomValues(new Uint8Array(secretLength)),
    );
  }

  /** s_k of now, for a test that wants to know what it should not. */
  get currentSecret(): Bytes {
    return this.secret.slice();
  }

  async change(joined: Authority.Member[], left: Authority.Departure[]): Promise<Spoken<Authority.Change>> {
    const spoken = await this.speak<Authority.Change>({
      ...this.common("change"),
      joined,
      left,
      previous: this.head,
    });
    this.head = toB64u(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(spoken.text))));
    return spoken;
  }

  async snapshot(you: number): Promise<Spoken<Authority.Snapshot>> {
    const { head, members } = this;
    return this.speak<Authority.Snapshot>({
      ...this.common("snapshot"),
      offered: SUITE_IDS,
      suite: this.context.suite.id,
      you,
      members: [...members],
      head,
    });
  }

  async secretFor(to: number, reason: Authority.SecretReason): Promise<Spoken<Authority.Secret>> {
    const key = this.members.find((member) => member.index === to)?.key ?? "";
    const recipientPublicKey = await HPKE.kem.deserializePublicKey(fromB64u(key).buffer);
    const info = secretInfo(this.context, this.epoch, this.step, to);
    const sender = await HPKE.createSenderContext({ recipientPublicKey, info });
    const ciphertext = toB64u(new Uint8Array(await sender.seal(this.secret)));
    const enc = toB64u(new Uint8Array(sender.enc));
    return this.speak<Authority.Secret>({
      ...this.common("secret"),
      to,
      reason,
      enc,
      ciphertext,
      head: this.head,
    });
  }

  /** The answer to a ping. */
  async alive(nonce: string): Promise<Spoken<Authority.Alive>> {
    return this.speak<Authority.Alive>({ ...this.common("alive"), nonce, head: this.head });
  }

  /** Signs a body as it stands; for tests also one that does not fit. */
  async speak<T extends Authority.SignedBody>(body: T): Promise<Spoken<T>> {
    const text = JSON.stringify(body);
    const signed = concat(utf8(SIGNATURE_PREFIX), utf8(text));
    const signature = toB64u(
      new Uint8Array(await crypto.subtle.sign("Ed25519", this.keys.privateKey, signed)),
    );
    return { body, text, message: { type: "signed", body: text, signature } };
  }

  private common<K extends string>(kind: K) {
    const { app, kind: roomKind, room, instance } = this.context;
    const place: Authority.Place = { app, kind: roomKind, room, instance: toB64u(instance) };
    return { kind, place, epoch: this.epoch, step: this.step };
  }
}
