// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Fault } from "../src/sealing/port";
import { type Authority, PROTOCOL_VERSION } from "../src/wire.gen";
import { AuthorityLine } from "../src/worker/authority_line";
import { Counters } from "../src/worker/counters";
import { Membership } from "../src/worker/membership";
import { FakeAuthority, type Spoken } from "./support/authority";
import { Clock, SUBJECT } from "./support/members";

/** A WebSocket whose other end is the test. */
class FakeSocket {
  static readonly OPEN = 1;
  readonly OPEN = 1;
  readyState = 0;
  readonly sent: Authority.DeviceMessage[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Authority.DeviceMessage);
  }

  close(): void {
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(message: Authority.AuthorityMessage | string): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  breaks(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

describe("the line to the authority", () => {
  let authority: FakeAuthority;
  let clock: Clock;
  let line: AuthorityLine;
  let membership: Membership;
  let sockets: FakeSocket[];
  let grants: Array<string | null>;
  let told: Array<[alive: boolean, code: string | undefined]>;
  let failures: Fault[];

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    authority = await FakeAuthority.start(SUBJECT);
    clock = new Clock();
    sockets = [];
    grants = [];
    told = [];
    failures = [];
    const subject = { ...SUBJECT, userId: "alice" };
    membership = new Membership(subject, new Counters(), clock.now);
    const ports = {
      grant: async () => (grants.length > 0 ? (grants.shift() ?? null) : authority.grant("alice")),
      open: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      now: clock.now,
    };
    line = new AuthorityLine("wss://authority", subject, membership, ports, {
      changed: () => undefined,
      alive: (alive, fault) => void told.push([alive, fault?.code]),
      failed: (fault) => void failures.push(fault),
    });
  });

  afterEach(() => {
    line.stop();
    vi.useRealTimers();
  });

  /** The n-th line, once it is there. */
  async function socket(number = 0): Promise<FakeSocket> {
    await expect.poll(() => sockets[number]).toBeDefined();
    return sockets[number] as FakeSocket;
  }

  async function joined(): Promise<FakeSocket> {
    void line.run();
    const first = await socket();
    first.opens();
    const join = first.sent[0] as Authority.Join;
    const { toNewcomer } = await authority.join("alice", join.memberKey);
    for (const { message } of toNewcomer) first.says(message);
    await expect.poll(() => membership.version).toEqual({ epoch: 1, step: 0 });
    return first;
  }

  /** The authority answers the latest ping. */
  async function answer(line: FakeSocket): Promise<void> {
    const pings = line.sent.filter((one): one is Authority.Ping => one.type === "ping");
    line.says((await authority.alive(pings.at(-1)?.nonce ?? "")).message);
  }

  it("shows the grant and its key, and becomes a member by the signed word", async () => {
    const first = await joined();
    expect(first.sent[0]).toMatchObject({ type: "join", version: PROTOCOL_VERSION, suites: [5, 4] });
    expect(told.at(-1)).toEqual([true, undefined]);
    expect(line.silent).toBe(false);
  });

  it("believes nothing whose signature is not the authority's", async () => {
    void line.run();
    const first = await socket();
    first.opens();
    const stranger = await FakeAuthority.start(SUBJECT);
    const { toNewcomer } = await stranger.join("alice", (first.sent[0] as Authority.Join).memberKey);
    for (const { message } of toNewcomer) first.says(message);
    await expect.poll(() => told).toEqual([[false, "authority_not_trusted"]]);
    expect(membership.roster).toEqual([]);
    expect(first.readyState).toBe(3);
  });

  it.each([
    ["no JSON", "{"],
    ["an unknown message", '{"type":"hello"}'],
    ["an unknown field", '{"type":"refused","code":"server_busy","message":"","action":"","more":1}'],
    ["a signature that is none", '{"type":"signed","body":"{}","signature":"!"}'],
  ])("closes the line on %s", async (_what, text) => {
    const first = await joined();
    first.says(text);
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_not_trusted"]);
    expect(first.readyState).toBe(3);
  });

  it("takes nothing more from a line after a fault", async () => {
    const first = await joined();
    const { change } = await authority.leave(0, "removed");
    first.says("{");
    first.says(change.message);
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_not_trusted"]);
    await expect.poll(() => sockets.length, { interval: 5 }).toBe(1);
    expect(failures).toEqual([]);
  });

  it("pings, and gives a silent line up after 10 s", async () => {
    const first = await joined();
    for (let beat = 0; beat < 4; beat++) {
      clock.time += 2_000;
      vi.advanceTimersByTime(2_000);
    }
    expect(first.sent.filter(({ type }) => type === "ping").length).toBeGreaterThanOrEqual(3);
    await answer(first);
    clock.time += 9_000;
    vi.advanceTimersByTime(2_000);
    expect(first.readyState).toBe(1);
    clock.time += 2_000;
    vi.advanceTimersByTime(2_000);
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_unreachable"]);
  });

  it("comes back with a fresh grant", async () => {
    const first = await joined();
    first.breaks();
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_unreachable"]);
    await vi.advanceTimersByTimeAsync(400);
    const second = await socket(1);
    second.opens();
    const [before, after] = [first.sent[0] as Authority.Join, second.sent[0] as Authority.Join];
    expect(after.grant).not.toBe(before.grant);
    expect(membership.version).toEqual({ epoch: 1, step: 0 });
  });

  it("resumes with its key over a broken line, and makes another once the authority has given it up", async () => {
    const first = await joined();
    const keyOf = (socket: FakeSocket): string => (socket.sent[0] as Authority.Join).memberKey;
    first.breaks();
    await vi.advanceTimersByTimeAsync(1_000);
    const second = await socket(1);
    second.opens();
    expect(keyOf(second)).toBe(keyOf(first));
    clock.time += 10_000;
    second.breaks();
    await vi.advanceTimersByTimeAsync(2_000);
    const third = await socket(2);
    third.opens();
    expect(keyOf(third)).not.toBe(keyOf(first));
  });

  it("does not show its key again to whoever could not be trusted", async () => {
    const first = await joined();
    first.says("{");
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_not_trusted"]);
    await vi.advanceTimersByTimeAsync(1_000);
    const second = await socket(1);
    second.opens();
    expect((second.sent[0] as Authority.Join).memberKey).not.toBe(
      (first.sent[0] as Authority.Join).memberKey,
    );
  });

  it("believes that the authority was there when it was asked, not when the answer came", async () => {
    grants = [authority.grant("alice", { mks: 5 })];
    const first = await joined();
    clock.time += 2_000;
    await vi.advanceTimersByTimeAsync(2_000);
    clock.time += 4_000;
    expect(line.silent).toBe(true);
    await answer(first);
    await expect.poll(() => line.silent).toBe(false);
    clock.time += 1_001;
    expect(line.silent).toBe(true);
  });

  it("does not take a snapshot for the authority while its secret is held back", async () => {
    void line.run();
    const first = await socket();
    first.opens();
    const { toNewcomer } = await authority.join("alice", (first.sent[0] as Authority.Join).memberKey);
    const [snapshot, secret] = toNewcomer.map(({ message }) => message) as Authority.Signed[];
    clock.time += 1;
    first.says(snapshot as Authority.Signed);
    await expect.poll(() => membership.roster.length).toBe(1);
    expect(line.silent).toBe(true);
    first.says(secret as Authority.Signed);
    await expect.poll(() => line.silent).toBe(false);
  });

  it("does not go on when an epoch's secret is left out and everything else comes", async () => {
    const first = await joined();
    const { nonce } = first.sent.find((one): one is Authority.Ping => one.type === "ping") as Authority.Ping;
    await authority.newEpoch(2);
    first.says((await authority.change([], [])).message);
    first.says((await authority.alive(nonce)).message);
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_not_trusted"]);
  });

  it("is not kept sending by words that were held back on the way", async () => {
    grants = [authority.grant("alice", { mks: 5 })];
    const first = await joined();
    const { toAll } = await authority.join("bob", (first.sent[0] as Authority.Join).memberKey);
    clock.time += 5_001;
    first.says(toAll?.message as Authority.Signed);
    await expect.poll(() => membership.version).toEqual({ epoch: 1, step: 1 });
    expect(line.silent).toBe(true);
  });

  it("is not kept sending by a new line whose secret was held back", async () => {
    grants = [authority.grant("alice", { mks: 5 }), authority.grant("alice", { mks: 5 })];
    const first = await joined();
    clock.time += 4_000;
    first.says("{");
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_not_trusted"]);
    await vi.advanceTimersByTimeAsync(1_000);
    const second = await socket(1);
    second.opens();
    const { change } = await authority.leave(0, "removed");
    expect(change.body.epoch).toBe(2);
    const { toNewcomer } = await authority.join("alice", (second.sent[0] as Authority.Join).memberKey);
    second.says((toNewcomer[0] as Spoken).message);
    await expect.poll(() => membership.you).toBe(1);
    clock.time += 1_001;
    expect(line.silent).toBe(true);
    second.says((toNewcomer[1] as Spoken).message);
    await expect.poll(() => line.silent).toBe(false);
  });

  it.each([
    ["an answer to what was not asked", async () => authority.alive("n".repeat(22))],
    ["an answer for the second time", async (nonce: string) => authority.alive(nonce)],
    [
      "an answer that skips a change",
      async (nonce: string) => {
        await authority.leave(9);
        return authority.alive(nonce);
      },
    ],
  ])("does not trust %s", async (_what, spoken) => {
    const first = await joined();
    const { nonce } = first.sent.find((one): one is Authority.Ping => one.type === "ping") as Authority.Ping;
    if (_what.includes("second")) first.says((await authority.alive(nonce)).message);
    first.says((await spoken(nonce)).message);
    await expect.poll(() => told.at(-1)).toEqual([false, "authority_not_trusted"]);
    expect(first.readyState).toBe(3);
  });

  it("counts as silent once max_key_silence has passed since the authority spoke", async () => {
    grants = [authority.grant("alice", { mks: 5 })];
    await joined();
    clock.time += 5_000;
    expect(line.silent).toBe(false);
    clock.time += 1;
    expect(line.silent).toBe(true);
  });

  it("renews its grant 30 s before it expires, and comes again when that names another key of the authority", async () => {
    grants = [authority.grant("alice", { exp: Math.floor(Date.now() / 1000) + 100 })];
    const first = await joined();
    await vi.advanceTimersByTimeAsync(71_000);
    await expect.poll(() => first.sent.some(({ type }) => type === "renew")).toBe(true);
    expect(told.at(-1)).toEqual([true, undefined]);
    const stranger = await FakeAuthority.start(SUBJECT);
    grants = [stranger.grant("alice"), stranger.grant("alice")];
    await vi.advanceTimersByTimeAsync(3_600_000);
    await expect.poll(() => first.readyState).toBe(3);
    first.breaks();
    await vi.advanceTimersByTimeAsync(1_000);
    const second = await socket(1);
    second.opens();
    expect(first.sent.filter(({ type }) => type === "renew")).toHaveLength(1);
    expect(second.sent[0]?.type).toBe("join");
    expect(line.authorityKey).toEqual(stranger.publicKey);
    expect(failures).toEqual([]);
  });

  it("keeps its place while the backend is away for a moment, and takes the silence that a renewed grant allows", async () => {
    const expiring = authority.grant("alice", { exp: Math.floor(Date.now() / 1000) + 100 });
    const strict = authority.grant("alice", { mks: 5 });
    grants = [expiring, null, null, strict];
    const first = await joined();
    for (let asked = 0; asked < 3; asked++) await vi.advanceTimersByTimeAsync(71_000);
    await expect
      .poll(() => first.sent.flatMap((one) => (one.type === "renew" ? one.grant : [])))
      .toEqual([strict]);
    expect(told.at(-1)).toEqual([true, undefined]);
    clock.time += 5_001;
    expect(line.silent).toBe(true);
  });

  it("fails for good on a refusal that stays, and tries again on one that may pass", async () => {
    void line.run();
    const first = await socket();
    first.opens();
    first.says({ type: "refused", code: "server_busy", message: "Busy.", action: "Wait." });
    await expect.poll(() => told).toEqual([[false, "server_busy"]]);
    await vi.advanceTimersByTimeAsync(400);
    const second = await socket(1);
    second.opens();
    second.says({ type: "refused", code: "grant_bad_signature", message: "Wrong.", action: "Sign." });
    await expect
      .poll(() => failures)
      .toEqual([{ code: "grant_bad_signature", message: "Wrong.", action: "Sign." }]);
  });

  it("does not even open a line for a grant that is somebody else's", async () => {
    grants = [authority.grant("bob")];
    await line.run();
    expect(failures.map(({ code }) => code)).toEqual(["grant_not_for_us"]);
    expect(sockets).toEqual([]);
  });

  it("asks the page again when it had no grant", async () => {
    grants = [null];
    void line.run();
    await expect.poll(() => told).toEqual([[false, "grant_not_given"]]);
    await vi.advanceTimersByTimeAsync(400);
    await socket();
  });
});
