// SPDX-License-Identifier: Apache-2.0
// The line to the authority: joins, keeps alive, verifies before it parses, comes back when it breaks.

import type { Fault } from "../sealing/port";
import { type Bytes, concat, fromB64u, toB64u, utf8 } from "../sframe/bytes";
import { SUITE_IDS } from "../sframe/suite";
import { parse, WrongShape } from "../shape";
import { type Authority, PROTOCOL_VERSION, SIGNATURE_PREFIX } from "../wire.gen";
import { AUTHORITY_MESSAGE, SIGNED_BODY } from "./bodies";
import { SealingFault } from "./fault";
import { type GrantSubject, type OwnGrant, readGrant } from "./grant";
import { memberKeyPair } from "./hpke";
import type { Membership } from "./membership";

const PING_MS = 2_000;
const SILENCE_MS = 10_000;
const RENEW_BEFORE_MS = 30_000;
/** Waits between tries; the last one repeats. Shorter comes back sooner and presses an authority that is starting. */
const BACKOFF_MS = [250, 500, 1_000, 2_000];
/** Pings whose answers may still come. */
const MAX_PINGS = 8;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What the line needs of its surroundings. */
export interface LinePorts {
  /** A fresh grant from the page; null when it has none. */
  grant(): Promise<string | null>;
  open(url: string): WebSocket;
  now(): number;
}

/** What the line tells. */
export interface LineListener {
  /** The signed word of the authority changed roster or keys. */
  changed(): void;
  /** The line lives again, or broke; `fault` says why, where there is a reason. */
  alive(alive: boolean, fault: Fault | null): void;
  /** It is over for good. */
  failed(fault: Fault): void;
}

/** One line: what was asked on it, and when. */
interface Asked {
  /** When it was joined with a key that was made for it; undefined when it resumes. */
  readonly newKeyAt: number | undefined;
  /** Nonces of pings, oldest first, with the time that each was sent. */
  readonly pings: Map<string, number>;
}

/** Keeps one member in one room of an authority until `stop`. */
export class AuthorityLine {
  /** When the authority was surely there: what was asked then was answered with its signature. */
  private lastHeard = Number.NEGATIVE_INFINITY;
  private silenceAllowed = 0;
  private stopped = false;
  private tries = 0;
  private pair: CryptoKeyPair | undefined;
  private closeCurrent: (() => void) | undefined;
  /** The authority's public key, as the grant in use names it. */
  authorityKey: Bytes | undefined;

  constructor(
    private readonly url: string,
    private readonly subject: GrantSubject,
    private readonly membership: Membership,
    private readonly ports: LinePorts,
    private readonly listener: LineListener,
  ) {}

  /** Whether the authority has been silent for longer than the grant allows; a sender then stops. */
  get silent(): boolean {
    return this.ports.now() - this.lastHeard > this.silenceAllowed;
  }

  /** Joins and stays joined; returns when stopped or failed. */
  async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.oneLine();
        this.listener.alive(false, this.stopped ? null : new SealingFault("authority_unreachable").fault);
      } catch (error) {
        const fault = error instanceof SealingFault ? error : new SealingFault("authority_not_trusted");
        this.pair = undefined;
        if (fault.final) {
          this.stopped = true;
          this.listener.failed(fault.fault);
          return;
        }
        this.listener.alive(false, fault.fault);
      }
      if (!this.stopped) await pause(this.backoff());
    }
  }

  stop(): void {
    this.stopped = true;
    this.closeCurrent?.();
  }

  /** The next wait, give or take a half, so that members do not come back all at once. */
  private backoff(): number {
    const wait = BACKOFF_MS[Math.min(this.tries++, BACKOFF_MS.length - 1)] ?? 0;
    return wait * (0.5 + Math.random());
  }

  private async oneLine(): Promise<void> {
    const grant = await this.freshGrant();
    this.authorityKey = grant.authorityKey;
    const known = this.pair;
    const newKeyAt = this.ports.now();
    const pair = await this.memberKeyPair();
    const asked = { newKeyAt: pair === known ? undefined : newKeyAt, pings: new Map<string, number>() };
    const memberKey = await this.membership.begin(pair);
    const verifier = await crypto.subtle.importKey("raw", grant.authorityKey, "Ed25519", false, ["verify"]);
    if (this.stopped) return;
    const socket = this.ports.open(this.url);
    const join: Authority.Join = {
      type: "join",
      version: PROTOCOL_VERSION,
      grant: grant.jwt,
      memberKey,
      suites: SUITE_IDS,
    };
    await this.converse(socket, join, grant, verifier, asked);
  }

  /** That of the line before while the authority may still have us as absent, so that we resume; else a new one. */
  private async memberKeyPair(): Promise<CryptoKeyPair> {
    const resumable = this.ports.now() - this.lastHeard < SILENCE_MS;
    if (!resumable || this.pair === undefined) this.pair = await memberKeyPair();
    return this.pair;
  }

  /** Speaks until the line closes. Messages are taken one after the other, as they came, and none after a fault. */
  private async converse(
    socket: WebSocket,
    join: Authority.Join,
    grant: OwnGrant,
    verifier: CryptoKey,
    asked: Asked,
  ): Promise<void> {
    const timers = new Timers();
    let heardHere = this.ports.now();
    let inOrder: Promise<void> = Promise.resolve();
    let over = false;
    try {
      await new Promise<void>((resolve, reject) => {
        this.closeCurrent = resolve;
        socket.onopen = () => {
          socket.send(JSON.stringify(join));
          this.scheduleRenewal(socket, grant, timers, reject);
        };
        socket.onclose = () => void inOrder.then(resolve);
        socket.onmessage = (event: MessageEvent) => {
          heardHere = this.ports.now();
          inOrder = inOrder
            .then(async () => {
              if (over || this.stopped) return;
              const kind = await this.take(event.data, grant, verifier, asked);
              // Who waited for its place would not have been answered before.
              if (kind === "snapshot" && socket.readyState === socket.OPEN) this.ping(socket, asked);
            })
            .catch((error: unknown) => {
              over = true;
              reject(error);
            });
        };
        timers.every(PING_MS, () => {
          if (this.ports.now() - heardHere > SILENCE_MS) resolve();
          else if (socket.readyState === socket.OPEN) this.ping(socket, asked);
        });
      });
    } finally {
      over = true;
      this.closeCurrent = undefined;
      timers.clear();
      socket.onopen = socket.onclose = socket.onmessage = null;
      socket.close();
    }
  }

  private ping(socket: WebSocket, { pings }: Asked): void {
    const nonce = toB64u(crypto.getRandomValues(new Uint8Array(16)));
    for (const oldest of pings.keys()) if (pings.size >= MAX_PINGS) pings.delete(oldest);
    pings.set(nonce, this.ports.now());
    socket.send(JSON.stringify({ type: "ping", nonce } satisfies Authority.Ping));
  }

  /** Takes one message; returns the kind of body it was. */
  private async take(
    data: unknown,
    grant: OwnGrant,
    verifier: CryptoKey,
    asked: Asked,
  ): Promise<Authority.SignedBody["kind"]> {
    const message = shaped(() => parse(String(data), AUTHORITY_MESSAGE));
    if (message.type === "refused") {
      throw new SealingFault(message.code, message.message, message.action);
    }
    const body = await this.takeSigned(message, verifier);
    this.heard(body, asked);
    if (body.kind === "snapshot") this.silenceAllowed = grant.maxKeySilenceMs;
    if (body.kind === "alive") return body.kind;
    this.tries = 0;
    this.listener.alive(true, null);
    this.listener.changed();
    return body.kind;
  }

  /** Only an answer says that the authority was there, and when; the rest may have been held back on the way. */
  private heard(body: Authority.SignedBody, { newKeyAt, pings }: Asked): void {
    let at: number | undefined;
    // Not the snapshot before it: with that alone we would go on with a secret that somebody gone may have.
    if (body.kind === "secret") at = newKeyAt;
    else if (body.kind === "alive") {
      at = pings.get(body.nonce);
      if (at === undefined) throw new SealingFault("authority_not_trusted");
      pings.delete(body.nonce);
    }
    if (at !== undefined) this.lastHeard = Math.max(this.lastHeard, at);
  }

  private async takeSigned(message: Authority.Signed, verifier: CryptoKey): Promise<Authority.SignedBody> {
    const signed = concat(utf8(SIGNATURE_PREFIX), utf8(message.body));
    const signature = shaped(() => fromB64u(message.signature)) as Bytes;
    if (!(await crypto.subtle.verify("Ed25519", verifier, signature, signed))) {
      throw new SealingFault("authority_not_trusted");
    }
    const body = shaped(() => parse(message.body, SIGNED_BODY));
    await this.membership.accept(body, message.body);
    return body;
  }

  private scheduleRenewal(
    socket: WebSocket,
    grant: OwnGrant,
    timers: Timers,
    fail: (reason: unknown) => void,
  ): void {
    const left = grant.expires * 1000 - Date.now();
    const wait = Math.max(left - RENEW_BEFORE_MS, left / 2, 1_000);
    timers.once(Math.min(wait, LONGEST_TIMER_MS), () => {
      this.freshGrant()
        .then((renewed) => {
          if (socket.readyState !== socket.OPEN) return;
          if (!sameBytes(grant.authorityKey, renewed.authorityKey)) {
            // The authority's key was changed: its members come again, with grants that name the new one.
            socket.close();
            return;
          }
          socket.send(JSON.stringify({ type: "renew", grant: renewed.jwt } satisfies Authority.Renew));
          this.silenceAllowed = renewed.maxKeySilenceMs;
          this.scheduleRenewal(socket, renewed, timers, fail);
        })
        .catch((error: unknown) => {
          // A backend that is away for a moment costs nobody his place while the grant lasts.
          const isLost = !(error instanceof SealingFault) || error.fault.code !== "grant_not_given";
          if (isLost || grant.expires * 1000 <= Date.now()) fail(error);
          else this.scheduleRenewal(socket, grant, timers, fail);
        });
    });
  }

  /** A grant from the page that is ours. */
  private async freshGrant(): Promise<OwnGrant> {
    const jwt = await this.ports.grant();
    if (jwt === null) throw new SealingFault("grant_not_given");
    return readGrant(jwt, this.subject, Date.now() / 1000);
  }
}

/** Runs a check of shape; what does not fit is not from an authority that we can trust. */
function shaped<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof WrongShape || error instanceof SyntaxError)
      throw new SealingFault("authority_not_trusted");
    throw error;
  }
}

function sameBytes(one: Bytes, other: Bytes): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The timers of one line, gone together. */
class Timers {
  private readonly stops: Array<() => void> = [];

  every(milliseconds: number, work: () => void): void {
    const timer = setInterval(work, milliseconds);
    this.stops.push(() => clearInterval(timer));
  }

  once(milliseconds: number, work: () => void): void {
    const timer = setTimeout(work, milliseconds);
    this.stops.push(() => clearTimeout(timer));
  }

  clear(): void {
    for (const stop of this.stops.splice(0)) stop();
  }
}
