// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { type Bytes, concat, fromB64u, toB64u, uint } from "../src/sframe/bytes";
import { BadTag, FrameCipher } from "../src/sframe/cipher";
import {
  type Codec,
  carried,
  clearPrefixLength,
  codecOf,
  frameMetadata,
  normalised,
  restored,
  uncarried,
} from "../src/sframe/frame";
import { MalformedHeader, readHeader, writeHeader } from "../src/sframe/header";
import {
  baseKey,
  contextBytes,
  firstSecret,
  nextSecret,
  type RoomContext,
  readKeyId,
  type SealedTrack,
  TRACK_NUMBER,
  writeKeyId,
} from "../src/sframe/schedule";
import { type Suite, suiteOf } from "../src/sframe/suite";
import { secretInfo } from "../src/worker/hpke";
import { hex, officialVectors, unhex, vectors } from "./support/vectors";

interface Headers {
  good: Array<{ kid: string; counter: string; encoded: string }>;
  refused: string[];
}
interface Frame {
  suite: number;
  track: SealedTrack;
  codec: Codec;
  kid: string;
  counter: string;
  baseKey: string;
  frame: string;
  opened: string;
  sealed: string;
}
interface Schedule {
  suite: number;
  app: number;
  kind: "number" | "string";
  room: string;
  instance: string;
  epoch: string;
  context: string;
  epochSecret: string;
  steps: Array<{
    step: number;
    secret: string;
    hpkeInfoTo7: string;
    senders: Array<{ index: number; track: SealedTrack; kid: string; baseKey: string }>;
  }>;
}
interface Official {
  header: Array<{ kid: string; ctr: string; encoded: string }>;
  sframe: Array<
    Record<"kid" | "ctr" | "base_key" | "metadata" | "pt" | "ct", string> & { cipher_suite: number }
  >;
}

function known(id: number): Suite {
  const suite = suiteOf(id);
  if (suite === undefined) throw new Error(`suite ${id}`);
  return suite;
}

describe("header", () => {
  const { good, refused } = vectors<Headers>("headers");

  it("reads and writes every vector", () => {
    for (const { kid, counter, encoded } of good) {
      expect(hex(writeHeader(BigInt(kid), BigInt(counter)))).toBe(encoded);
      const more = concat(unhex(encoded), Uint8Array.of(1, 2, 3));
      expect(readHeader(more)).toEqual({
        kid: BigInt(kid),
        ctr: BigInt(counter),
        length: encoded.length / 2,
      });
    }
  });

  it("refuses what is cut short or longer than it has to be", () => {
    expect(refused.length).toBeGreaterThan(5);
    for (const encoded of refused) expect(() => readHeader(unhex(encoded)), encoded).toThrow(MalformedHeader);
  });

  it("does not write more than 64 bits", () => {
    expect(() => writeHeader(1n << 64n, 0n)).toThrow(RangeError);
  });
});

describe("the official vectors", () => {
  const official = officialVectors<Official>();

  it.skipIf(official === undefined)("headers, both ways", () => {
    for (const { kid, ctr, encoded } of official?.header ?? []) {
      expect(hex(writeHeader(BigInt(kid), BigInt(ctr)))).toBe(encoded);
      expect(readHeader(unhex(encoded))).toMatchObject({ kid: BigInt(kid), ctr: BigInt(ctr) });
    }
    expect(official?.header.length).toBeGreaterThan(200);
  });

  it.skipIf(official === undefined)("whole frames of suites 4 and 5", async () => {
    const ours = (official?.sframe ?? []).filter(({ cipher_suite }) => suiteOf(cipher_suite));
    expect(ours).toHaveLength(2);
    for (const { cipher_suite, kid, ctr, base_key, metadata, pt, ct } of ours) {
      const cipher = await FrameCipher.derive(known(cipher_suite), BigInt(kid), unhex(base_key));
      expect(hex(await cipher.seal(BigInt(ctr), unhex(metadata), unhex(pt)))).toBe(ct);
    }
  });
});

describe("frames", () => {
  const frames = vectors<Frame[]>("frames");

  it.each(frames)("suite $suite, $codec of $track, counter $counter", async (vector) => {
    const frame = normalised(vector.codec, unhex(vector.frame)) as Bytes;
    const clear = clearPrefixLength(vector.codec, frame) ?? -1;
    const prefix = frame.slice(0, clear);
    expect(hex(restored(vector.codec, prefix, frame.slice(clear)))).toBe(vector.opened);
    const metadata = frameMetadata(TRACK_NUMBER[vector.track], vector.codec, prefix);
    const cipher = await FrameCipher.derive(known(vector.suite), BigInt(vector.kid), unhex(vector.baseKey));
    const body = await cipher.seal(BigInt(vector.counter), metadata, frame.slice(clear));
    expect(hex(concat(prefix, carried(vector.codec, prefix, body) as Bytes))).toBe(vector.sealed);

    const found = unhex(vector.sealed);
    expect(clearPrefixLength(vector.codec, found)).toBe(clear);
    const sealed = uncarried(vector.codec, prefix, found.slice(clear)) as Bytes;
    const header = readHeader(sealed);
    const open = (ad: Bytes) =>
      cipher.open(header.ctr, sealed.slice(0, header.length), ad, sealed.slice(header.length));
    expect(hex(await open(metadata))).toBe(hex(frame.slice(clear)));
    await expect(open(concat(metadata, Uint8Array.of(0)))).rejects.toThrow(BadTag);
  });

  it("drops what it does not understand", () => {
    expect(clearPrefixLength("vp8", new Uint8Array(0))).toBeUndefined();
    expect(clearPrefixLength("vp8", new Uint8Array(9))).toBeUndefined();
    expect(clearPrefixLength("vp8", Uint8Array.of(1, 0))).toBeUndefined();
    for (const wrong of [
      "",
      "00000001",
      "0000000167420000000168ce",
      "07000001" + "65ff",
      "00000001" + "62ffff",
      "00000001" + "650000030000037f",
    ]) {
      const frame = normalised("h264", unhex(wrong));
      expect(frame && clearPrefixLength("h264", frame), wrong).toBeUndefined();
    }
    expect(clearPrefixLength("h264", unhex("00000165ff"))).toBeUndefined();
    expect(clearPrefixLength("h264", unhex("0000000106050000000165ff"))).toBeUndefined();
    expect(clearPrefixLength("h264", unhex("000000014100000380007f01"))).toBe(11);
    for (const wrong of ["", "12", "1200", "100a", "12090a", "12ffffffffffffffff0a", "8a00"])
      expect(normalised("av1", unhex(wrong)), wrong).toBeUndefined();
    for (const wrong of ["", "00", "0801", "3201", "1200"])
      expect(clearPrefixLength("av1", unhex(wrong)), wrong).toBeUndefined();
  });

  it("leaves of an AV1 unit in clear whether a sequence begins, and nothing else", () => {
    for (const [unit, form] of [
      ["12000a0232", "0a12000a0232"],
      ["0a0232", "0a0a0232"],
      ["12003201ff", "7212003201ff"],
      ["160800320100", "72160800320100"],
    ] as const) {
      const frame = normalised("av1", unhex(unit)) as Bytes;
      expect(hex(frame)).toBe(form);
      expect(clearPrefixLength("av1", frame)).toBe(1);
    }
  });

  it("writes the length of a sealed AV1 unit in one form only", () => {
    for (const [length, size] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [16_384, "808001"],
    ] as const) {
      const body = new Uint8Array(length).fill(7);
      const form = carried("av1", unhex("0a"), body) as Bytes;
      expect(hex(form)).toBe(size + hex(body));
      expect(uncarried("av1", unhex("0a"), form)).toEqual(body);
    }
    for (const wrong of ["", "01", "0007", "0207", "810007", "808000", "80".repeat(9)])
      expect(uncarried("av1", unhex("0a"), unhex(wrong)), wrong).toBeUndefined();
  });

  it("escapes H.264 in one form only", () => {
    for (const [prefix, plain, form] of [
      ["01", "00000007", "0000030007"],
      ["0000", "0109", "030109"],
      ["0500", "000209", "00030209"],
      ["01", "000000000003", "0000030000030003"],
      ["01", "000004", "000004"],
    ] as const) {
      expect(hex(carried("h264", unhex(prefix), unhex(plain)) as Bytes)).toBe(form);
      expect(hex(uncarried("h264", unhex(prefix), unhex(form)) as Bytes)).toBe(plain);
    }
    expect(carried("h264", unhex("01"), unhex("0500"))).toBeUndefined();
    for (const wrong of ["000003", "00000304", "000001", "00000005", "0400"])
      expect(uncarried("h264", unhex("01"), unhex(wrong)), wrong).toBeUndefined();
  });

  it("knows codecs by their MIME types and nothing else", () => {
    expect(codecOf("video/VP8")).toBe("vp8");
    expect(codecOf("audio/opus")).toBe("opus");
    expect(codecOf("audio/constructor")).toBeUndefined();
    expect(codecOf("audio/data")).toBeUndefined();
  });
});

describe("key schedule", () => {
  it.each(vectors<Schedule[]>("schedule"))("suite $suite, room $room, epoch $epoch", async (vector) => {
    const suite = known(vector.suite);
    const { app, kind, room } = vector;
    const context: RoomContext = { suite, app, kind, room, instance: unhex(vector.instance) };
    const epoch = Number(vector.epoch);
    expect(hex(contextBytes(context, epoch))).toBe(vector.context);
    let secret = await firstSecret(context, epoch, unhex(vector.epochSecret));
    for (const { step, secret: expected, hpkeInfoTo7, senders } of vector.steps) {
      if (step > 0) secret = await nextSecret(suite, secret);
      expect(hex(secret)).toBe(expected);
      expect(hex(secretInfo(context, epoch, step, 7))).toBe(hpkeInfoTo7);
      for (const { index, track, kid, baseKey: key } of senders) {
        const id = { epoch, step, index, track: TRACK_NUMBER[track] };
        expect(writeKeyId(id)).toBe(BigInt(kid));
        expect(readKeyId(BigInt(kid))).toEqual({ ...id, epoch: epoch % 64 });
        expect(hex(await baseKey(suite, secret, id))).toBe(key);
      }
    }
  });

  it("knows no key id of more than 30 bits", () => {
    expect(readKeyId(1n << 30n)).toBeUndefined();
  });
});

describe("bytes", () => {
  it("takes base64url without padding and nothing else", () => {
    expect(toB64u(fromB64u("-_8"))).toBe("-_8");
    for (const wrong of ["-_8=", "+/8", "A", "-_9", "A A"])
      expect(() => fromB64u(wrong), wrong).toThrow(SyntaxError);
  });

  it("does not cut numbers off", () => {
    expect(() => uint(256, 1)).toThrow(RangeError);
  });
});
