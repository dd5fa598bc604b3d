// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Participants } from "../src/call/participants";
import { RtcError, refusedByServer } from "../src/errors";
import { Emitter } from "../src/events";
import { checkEntry, type EnterRoomConfig } from "../src/options";
import { type SealableTransceiver, Transforms } from "../src/sealing/transforms";
import { choose, payloadTypes } from "../src/session/codecs";
import { LAYERS, layersFor } from "../src/session/layers";
import { SERVER_MESSAGE } from "../src/session/messages";
import { SlotTable } from "../src/session/slots";
import { parse, WrongShape } from "../src/shape";
import type { Signalling } from "../src/wire.gen";

const transceiver = (mid: string | null = null): SealableTransceiver => ({
  mid,
  sender: { transform: null },
  receiver: { transform: null },
});

describe("transforms", () => {
  const use = { send: "main", kind: "video", place: 3 } as const;

  it("stand on both halves, with what they are for", () => {
    const made = transceiver();
    new Transforms((options) => ({ options }), 7).attach(made, use);
    expect(made.sender.transform).toEqual({ options: { side: "send", track: "main", entry: 7 } });
    expect(made.receiver.transform).toEqual({
      options: { side: "receive", kind: "video", place: 3, entry: 7 },
    });
  });

  it("are refused on a section that was negotiated", () => {
    const transforms = new Transforms(() => ({}), 1);
    const late = transceiver("4");
    expect(() => transforms.attach(late, use)).toThrow(expect.objectContaining({ reason: "attached_late" }));
    expect(late.sender.transform).toBeNull();
  });

  it("must be there, and ours, before anything is negotiated", () => {
    const transforms = new Transforms(() => ({}), 1);
    const [one, other] = [transceiver(), transceiver()];
    transforms.attach(one, use);
    expect(() => transforms.assertSealed([one])).not.toThrow();
    expect(() => transforms.assertSealed([one, other])).toThrow(RtcError);
    transforms.attach(other, use);
    expect(() => transforms.assertSealed([one, other])).not.toThrow();
    other.receiver.transform = {};
    expect(() => transforms.assertSealed([one, other])).toThrow(
      expect.objectContaining({ reason: "not_sealed" }),
    );
    other.receiver.transform = null;
    expect(() => transforms.assertSealed([one, other])).toThrow(RtcError);
  });
});

describe("codecs", () => {
  const codec = (mimeType: string, sdpFmtpLine?: string) => ({
    mimeType,
    ...(sdpFmtpLine && { sdpFmtpLine }),
  });

  it("VP8 first, one profile of each other, no repair that nobody answers", () => {
    const chosen = choose("video", [
      codec("video/AV1", "level-idx=5;profile=1;tier=0"),
      codec("video/AV1", "level-idx=5;profile=0;tier=0"),
      codec("video/H264", "packetization-mode=0;profile-level-id=42e01f"),
      codec("video/H264", "packetization-mode=1;profile-level-id=42e01f"),
      codec("video/H264", "packetization-mode=1;profile-level-id=64001f"),
      codec("video/rtx"),
      codec("video/red"),
      codec("video/ulpfec"),
      codec("video/VP9", "profile-id=2"),
      codec("video/VP9", "profile-id=0"),
      codec("video/VP8"),
    ]);
    expect(chosen).toEqual([
      codec("video/VP8"),
      codec("video/rtx"),
      codec("video/H264", "packetization-mode=1;profile-level-id=42e01f"),
      codec("video/VP9", "profile-id=0"),
      codec("video/AV1", "level-idx=5;profile=0;tier=0"),
    ]);
  });

  it("no comfort noise and no telephone events", () => {
    const offered = [
      "audio/CN",
      "audio/telephone-event",
      "audio/PCMU",
      "audio/red",
      "audio/opus",
      "audio/G722",
    ];
    const chosen = choose(
      "audio",
      offered.map((name) => codec(name)),
    );
    expect(chosen.map(({ mimeType }) => mimeType)).toEqual(["audio/opus", "audio/red"]);
  });

  it("payload types are read off the offer", () => {
    const sdp =
      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:111 opus/48000/2\r\n";
    expect(payloadTypes(sdp)).toEqual([
      [111, "opus"],
      [96, "VP8"],
    ]);
  });
});

describe("layers", () => {
  it("are given as sizes, the smallest first, the full one with the profile's ceiling", () => {
    const layers = layersFor(LAYERS, { width: 640, height: 360 }, 800_000);
    expect(layers.map(({ rid, scaleResolutionDownTo }) => [rid, scaleResolutionDownTo])).toEqual([
      ["q", { maxWidth: 160, maxHeight: 90 }],
      ["h", { maxWidth: 320, maxHeight: 180 }],
      ["f", { maxWidth: 640, maxHeight: 360 }],
    ]);
    expect(layers.map(({ maxBitrate }) => maxBitrate)).toEqual([150_000, 400_000, 800_000]);
  });

  it("of a sender without simulcast are left as they are, with a ceiling", () => {
    expect(layersFor([{ active: true }], { width: 1, height: 1 }, 5)).toEqual([
      { active: true, maxBitrate: 5 },
    ]);
  });
});

describe("slots", () => {
  const table = (count: number): SlotTable => {
    const slots = new SlotTable();
    const kinds: Signalling.SlotKind[] = ["audio", ...Array<"video">(count).fill("video")];
    slots.learn(kinds.map((kind, slot) => ({ slot, kind, mid: `m${slot}` })));
    return slots;
  };
  const source = (userId: string, layer = 2) => ({ userId, track: "main" as const, layer });

  it("carry one source each, and keep it when the layer changes", () => {
    const slots = table(2);
    const [a, b] = [slots.bind(source("a")), slots.bind(source("b"))];
    expect([a?.binding.slot, b?.binding.slot]).toEqual([1, 2]);
    const again = slots.bind(source("a", 0));
    expect(again?.binding).toEqual({ slot: 1, generation: 2, source: source("a", 0) });
    expect(slots.bind(source("c"))).toBeUndefined();
  });

  it("are never audio slots, and more can be learned", () => {
    const slots = table(1);
    slots.bind(source("a"));
    slots.learn([
      { slot: 1, kind: "video", mid: "m1" },
      { slot: 2, kind: "video", mid: "m2" },
    ]);
    expect(slots.bind(source("b"))?.binding.slot).toBe(2);
    expect(slots.midOf("a", "main")).toBe("m1");
  });

  it("are freed with a rising generation, and the one free for longest is taken next", () => {
    const slots = table(3);
    slots.bind(source("a"));
    slots.bind(source("b"));
    expect(slots.unbind("a", "main")?.binding).toEqual({ slot: 1, generation: 2, source: null });
    expect(slots.unbind("a", "main")).toBeUndefined();
    expect(slots.bind(source("c"))?.binding.slot).toBe(3);
    expect(slots.bind(source("d"))?.binding).toEqual({ slot: 1, generation: 3, source: source("d") });
  });
});

describe("participants", () => {
  const alice = { userId: "alice", role: "anchor", tracks: [{ track: "audio", muted: false }] } as const;

  it("a muted track is not available", () => {
    const people = new Participants();
    expect(people.enter(alice)).toEqual([
      { what: "enter", userId: "alice" },
      { what: "available", userId: "alice", track: "audio" },
    ]);
    expect(people.publish("alice", "audio", true)).toEqual([
      { what: "unavailable", userId: "alice", track: "audio" },
    ]);
    expect(people.publish("alice", "audio", true)).toEqual([]);
    expect(people.unpublish("alice", "audio")).toEqual([]);
  });

  it("whoever leaves takes what he sent with him", () => {
    const people = new Participants();
    people.enter(alice);
    expect(people.leave("alice", "kicked")).toEqual([
      { what: "unavailable", userId: "alice", track: "audio" },
      { what: "exit", userId: "alice", reason: 2 },
    ]);
    expect(people.leave("alice", "kicked")).toEqual([]);
  });

  it("a new entry tells only what is different", () => {
    const people = new Participants();
    people.enter(alice);
    people.enter({ userId: "bob", role: "anchor", tracks: [] });
    expect(people.replace([{ ...alice, tracks: [{ track: "main", muted: false }] }])).toEqual([
      { what: "exit", userId: "bob", reason: 1 },
      { what: "unavailable", userId: "alice", track: "audio" },
      { what: "available", userId: "alice", track: "main" },
    ]);
  });

  it("nobody who did not enter publishes", () => {
    const people = new Participants();
    expect(people.publish("ghost", "main", false)).toEqual([]);
  });
});

describe("what the server says", () => {
  it("is checked field by field", () => {
    expect(parse('{"type":"done","id":3}', SERVER_MESSAGE)).toEqual({ type: "done", id: 3 });
    const refused = '{"type":"refused","id":0,"code":"room_full","message":"m","action":"a"';
    expect(parse(`${refused},"trtc":-102010}`, SERVER_MESSAGE)).toMatchObject({ trtc: -102010 });
    expect(parse(`${refused}}`, SERVER_MESSAGE)).toMatchObject({ code: "room_full" });
    const elsewhere = parse(`${refused},"endpoint":"wss://sg.example/rtc/v1"}`, SERVER_MESSAGE);
    expect(refusedByServer(elsewhere as Signalling.Refused).endpoint).toBe("wss://sg.example/rtc/v1");
    expect(
      refusedByServer(parse(`${refused}}`, SERVER_MESSAGE) as Signalling.Refused).endpoint,
    ).toBeUndefined();
    const blocked = { type: "blocked", audio: true, video: false };
    expect(parse(JSON.stringify(blocked), SERVER_MESSAGE)).toEqual(blocked);
    for (const wrong of [
      "",
      "[]",
      '{"type":"blocked","audio":true}',
      '{"type":"done"}',
      '{"type":"done","id":"3"}',
      '{"type":"done","id":3,"more":1}',
      '{"type":"constructor","id":3}',
      '{"type":"audio-slots","slots":[{"slot":64,"userId":null}]}',
      '{"type":"kicked-out","reason":"because"}',
    ]) {
      expect(() => parse(wrong, SERVER_MESSAGE), wrong).toThrow(WrongShape);
    }
  });
});

describe("enterRoom's options", () => {
  const good: EnterRoomConfig = {
    sdkAppId: 1400000000,
    userId: "alice",
    userSig: "sig",
    strRoomId: "123",
    server: "wss://operator.example/signalling",
  };
  const extraCode = (config: object): number => {
    try {
      checkEntry({ ...good, ...config });
    } catch (error) {
      if (error instanceof RtcError) return error.extraCode;
    }
    return -1;
  };

  it('123 and "123" are two rooms, and the number counts when both are given', () => {
    expect(checkEntry(good).room).toEqual({ kind: "string", id: "123" });
    expect(checkEntry({ ...good, roomId: 123 }).room).toEqual({ kind: "number", id: "123" });
  });

  it("what TRTC would not take is refused with its number", () => {
    expect(extraCode({ roomId: 4294967295 })).toBe(5012);
    expect(extraCode({ strRoomId: "ä" })).toBe(5013);
    expect(extraCode({ strRoomId: "" })).toBe(5015);
    for (const wrong of [
      { userId: "a b" },
      { userId: "a".repeat(33) },
      { sdkAppId: 0 },
      { userSig: "" },
      { server: "https://x" },
      { sealing: { authority: "x", grant: async () => "" } },
      { sealing: { authority: "wss://x" } },
    ]) {
      expect(extraCode(wrong), JSON.stringify(wrong)).toBe(0);
    }
  });
});

describe("events", () => {
  it("reach those who asked, until they do not want them", () => {
    const emitter = new Emitter();
    const heard: string[] = [];
    const handler = ({ userId }: { userId: string }): void => void heard.push(userId);
    emitter.on("remote-user-enter", handler);
    emitter.emit("remote-user-enter", { userId: "a" });
    emitter.off("remote-user-enter", handler);
    emitter.emit("remote-user-enter", { userId: "b" });
    emitter.on("remote-user-enter", handler);
    emitter.off("*");
    emitter.emit("remote-user-enter", { userId: "c" });
    expect(heard).toEqual(["a"]);
  });
});
