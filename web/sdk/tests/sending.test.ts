// SPDX-License-Identifier: Apache-2.0
// What is put behind a track that is sent: nothing that was taken back while the server, or the browser, was asked.
import { expect, it } from "vitest";
import type { SignallingLine } from "../src/session/line";
import type { Sections } from "../src/session/sections";
import { Sending } from "../src/session/sending";

const media = { kind: "audio" } as MediaStreamTrack;
const outgoing = { media, muted: false, bitrate: 1 };

/** A sender, and the server's answers, which come when the test says so. */
function desk() {
  const behind: Array<MediaStreamTrack | null> = [];
  const answers: Array<() => void> = [];
  const sender = { replaceTrack: async (track: MediaStreamTrack | null) => void behind.push(track) };
  const ask = () => new Promise<void>((resolve) => void answers.push(resolve));
  const sections = { sender: () => ({ sender }) } as unknown as Sections;
  return { behind, answers, sending: new Sending(sections, ask as unknown as SignallingLine["ask"]) };
}

it("a source that was taken back while the server was asked is not sent", async () => {
  const { behind, answers, sending } = desk();
  const published = sending.publish("audio", outgoing);
  const taken = sending.unpublish("audio");
  await Promise.resolve();
  for (const answer of answers) answer();
  await Promise.all([published, taken]);
  expect(behind).toEqual([null]);
});

it("one that is published again after that is sent", async () => {
  const { behind, answers, sending } = desk();
  const all = [
    sending.publish("audio", outgoing),
    sending.unpublish("audio"),
    sending.publish("audio", outgoing),
  ];
  await Promise.resolve();
  for (const answer of answers) answer();
  await Promise.all(all);
  expect(behind).toEqual([null, media]);
});
