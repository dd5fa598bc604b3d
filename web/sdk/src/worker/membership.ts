// SPDX-License-Identifier: Apache-2.0
// What the authority's signed word makes of us: roster, chain of changes, keys. Knows no socket and no clock of its own.

import type { RosterMember } from "../sealing/port";
import { type Bytes, fromB64u, toB64u, utf8 } from "../sframe/bytes";
import type { KeyId } from "../sframe/schedule";
import { SUITE_IDS, type Suite, suiteOf } from "../sframe/suite";
import type { Authority } from "../wire.gen";
import { authenticationWords } from "./authentication";
import type { Counters } from "./counters";
import { SealingFault } from "./fault";
import type { GrantSubject } from "./grant";
import { memberKeyBytes, openSecret, secretInfo } from "./hpke";
import type { OpeningRoom } from "./opener";
import { KeyRing, type Search, type SendingKey } from "./ring";

/** Our half of one line: the key pair it joined with, and where the chain of changes stands. */
interface Standing {
  readonly pair: CryptoKeyPair;
  readonly key: string;
  chain: Chain | undefined;
  hasSecret: boolean;
  /** An epoch was told whose secret has to come next: who holds it back would keep us sealing with one that others have. */
  awaitsSecret: boolean;
}

interface Chain {
  readonly suite: Suite;
  readonly instance: Bytes;
  readonly you: number;
  epoch: number;
  step: number;
  head: string;
}

const distrust = (what: string): SealingFault =>
  new SealingFault("authority_not_trusted", `The authority's word does not fit together: ${what}.`);

/** Whether it is the change that puts us out: then the secret before it is not sent any more. */
function putsOut(body: Authority.SignedBody, chain: Chain | undefined): boolean {
  return body.kind === "change" && body.left.some(({ index }) => index === chain?.you);
}

/** Our membership of one room, over all lines to its authority. */
export class Membership implements OpeningRoom {
  private standing: Standing | undefined;
  private ring: KeyRing | undefined;
  private index: number | undefined;
  private members = new Map<number, Authority.Member>();
  private indices = new Map<string, number>();
  private life: string | undefined;
  /** Lives of the room that another came after: what was said in them was kept by somebody, and comes again. */
  private readonly passed = new Set<string>();

  constructor(
    private readonly subject: GrantSubject,
    private readonly counters: Counters,
    private readonly now: () => number,
  ) {}

  /** Our index, also while a new line is on its way: the keys there are stay ours until its snapshot. */
  get you(): number | undefined {
    return this.index;
  }

  /** The version of the room's secret in use; undefined before the first. */
  get version(): { epoch: number; step: number } | undefined {
    return this.ring?.latest;
  }

  /** The roster as the authority signed it, oldest index first. */
  get roster(): readonly RosterMember[] {
    const sorted = [...this.members.values()].sort((one, other) => one.index - other.index);
    return sorted.map(({ user, role, since }) => ({ userId: user, role, since }));
  }

  /** The authentication string of the roster under this key of the authority; empty while there is no roster. */
  async words(authorityKey: Bytes): Promise<readonly string[]> {
    if (this.members.size === 0) return [];
    const { sdkAppId, room } = this.subject;
    const members = [...this.members.values()].map(({ user, key }) => ({ user, key: fromB64u(key) }));
    return authenticationWords(authorityKey, sdkAppId, room, members);
  }

  indexOf(user: string): number | undefined {
    return this.indices.get(user);
  }

  userAt(index: number): string | undefined {
    return this.members.get(index)?.user;
  }

  mayPublish(index: number): boolean {
    return this.members.get(index)?.role === "publish";
  }

  find(id: KeyId): Search {
    return this.ring?.find(id) ?? "wait";
  }

  async sendingKey(track: number): Promise<SendingKey | undefined> {
    const { you } = this;
    return you !== undefined && this.mayPublish(you) ? this.ring?.sendingKey(you, track) : undefined;
  }

  /**
   * A new line begins with this key pair; what we knew stays in use until its snapshot. Returns the key for `join`. With the pair of the
   * line before, while the authority has us as absent, we are the same member.
   */
  async begin(pair: CryptoKeyPair): Promise<string> {
    const key = toB64u(await memberKeyBytes(pair));
    this.standing = { pair, key, chain: undefined, hasSecret: false, awaitsSecret: false };
    return key;
  }

  /** Takes a body whose signature was verified, `text` being its bytes; throws SealingFault when it does not fit. */
  async accept(body: Authority.SignedBody, text: string): Promise<void> {
    const { standing } = this;
    if (standing === undefined) throw distrust("it speaks before it was asked");
    this.checkPlace(body.place, standing.chain);
    if (standing.awaitsSecret && body.kind !== "secret" && !putsOut(body, standing.chain))
      throw distrust("a secret is missing");
    if (body.kind === "snapshot") return this.takeSnapshot(body, standing);
    if (standing.chain === undefined) throw distrust("it begins without a snapshot");
    if (body.kind === "alive") return this.checkAlive(body, standing.chain);
    if (body.kind === "change") return this.takeChange(body, text, standing, standing.chain);
    return this.takeSecret(body, standing, standing.chain);
  }

  /** Erases every key and forgets the roster. */
  erase(): void {
    this.ring?.erase();
    this.ring = undefined;
    this.standing = undefined;
    this.index = undefined;
    this.members.clear();
    this.indices.clear();
  }

  sweep(): void {
    this.ring?.sweep();
  }

  private checkPlace(place: Authority.Place, chain: Chain | undefined): void {
    const { sdkAppId, room } = this.subject;
    const ours = place.app === sdkAppId && place.kind === room.kind && place.room === room.id;
    if (!ours) throw distrust("it speaks of another room");
    if (chain && toB64u(chain.instance) !== place.instance)
      throw distrust("it changed its instance on one line");
  }

  private takeSnapshot(body: Authority.Snapshot, standing: Standing): void {
    if (standing.chain) throw distrust("a second snapshot");
    // Somebody on the line struck the better ones.
    if (body.offered.join() !== SUITE_IDS.join()) throw distrust("it heard other suites than we offered");
    const suite = suiteOf(body.suite);
    const instance = bytesOf(body.place.instance, 16);
    if (suite === undefined) throw distrust("it chose a suite that we do not speak");
    const me = body.members.find((one) => one.index === body.you);
    if (me?.user !== this.subject.userId || me.key !== standing.key)
      throw distrust("we are not on its roster");
    this.enterLife(body.place.instance, body.epoch);
    this.members = new Map();
    this.indices = new Map();
    for (const member of body.members) this.addMember(member);
    this.openRing(suite, instance, body.place.instance);
    const { epoch, step, head, you } = body;
    this.index = you;
    standing.chain = { suite, instance, you, epoch, step, head };
    standing.awaitsSecret = true;
  }

  /** Whoever showed us an old snapshot again would have us seal under secrets, and show a roster, that have passed. */
  private enterLife(instance: string, epoch: number): void {
    const known = this.ring && toB64u(this.ring.room.instance);
    const before = known === instance && epoch < (this.ring?.latest?.epoch ?? 0);
    if (before || this.passed.has(instance)) throw distrust("a life of the room that has passed");
    if (this.life !== undefined && this.life !== instance) this.passed.add(this.life);
    this.life = instance;
  }

  /** The ring of an instance that we know goes on; that of another is emptied. */
  private openRing(suite: Suite, instance: Bytes, name: string): void {
    const known = this.ring?.room;
    if (known && known.suite === suite && toB64u(known.instance) === name) return;
    this.ring?.erase();
    const { sdkAppId: app, room } = this.subject;
    this.ring = new KeyRing(
      { suite, app, kind: room.kind, room: room.id, instance },
      this.counters,
      this.now,
    );
  }

  private async takeChange(
    body: Authority.Change,
    text: string,
    standing: Standing,
    chain: Chain,
  ): Promise<void> {
    if (body.previous !== chain.head) throw distrust("a change is missing");
    const steps = body.epoch === chain.epoch && body.step === chain.step + 1 && body.left.length === 0;
    const begins = body.epoch === chain.epoch + 1 && body.step === 0;
    if (!steps && !begins) throw distrust("a change does not follow the one before");
    const own = body.left.find((one) => one.index === chain.you);
    if (own)
      throw new SealingFault(
        own.reason === "removed" || own.reason === "replaced" ? "removed" : "grant_expired",
      );
    for (const { index } of body.left) this.dropMember(index);
    for (const member of body.joined) this.addMember(member);
    chain.head = toB64u(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))));
    chain.epoch = body.epoch;
    chain.step = body.step;
    if (steps) this.ring?.announce(body.epoch, body.step);
    standing.awaitsSecret = begins;
  }

  private checkAlive(body: Authority.Alive, chain: Chain): void {
    if (body.epoch !== chain.epoch || body.step !== chain.step || body.head !== chain.head)
      throw distrust("a change is missing");
  }

  private async takeSecret(body: Authority.Secret, standing: Standing, chain: Chain): Promise<void> {
    const fits = body.to === chain.you && body.epoch === chain.epoch && body.step === chain.step;
    if (!fits || body.head !== chain.head) throw distrust("a secret that is not for now, or not for us");
    const { ring } = this;
    if (ring === undefined) throw distrust("a secret without a room");
    const info = secretInfo(ring.room, body.epoch, body.step, body.to);
    let secret: Bytes;
    try {
      secret = await openSecret(standing.pair, info, bytesOf(body.enc, 65), fromB64u(body.ciphertext));
    } catch {
      throw distrust("a secret that does not open");
    }
    if (secret.length !== chain.suite.secretLength) throw distrust("a secret of the wrong length");
    const latest = ring.latest;
    if (latest && body.epoch < latest.epoch) throw distrust("an epoch that has passed");
    // What happened while we were away is not known: somebody may have been removed, and the others have changed already.
    const missed = !standing.hasSecret && latest !== undefined && body.epoch > latest.epoch;
    standing.hasSecret = true;
    standing.awaitsSecret = false;
    ring.add(
      body.epoch,
      body.step,
      secret,
      missed ? "absence" : body.reason === "removal" ? "removal" : "change",
    );
  }

  private addMember(member: Authority.Member): void {
    if (this.members.has(member.index) || this.indices.has(member.user)) throw distrust("one place twice");
    this.members.set(member.index, member);
    this.indices.set(member.user, member.index);
  }

  private dropMember(index: number): void {
    const member = this.members.get(index);
    if (member === undefined) throw distrust("somebody left who was not there");
    this.members.delete(index);
    this.indices.delete(member.user);
  }
}

function bytesOf(text: string, length: number): Bytes {
  let bytes: Bytes;
  try {
    bytes = fromB64u(text);
  } catch {
    throw distrust("bytes that are none");
  }
  if (bytes.length !== length) throw distrust("bytes of the wrong length");
  return bytes;
}
