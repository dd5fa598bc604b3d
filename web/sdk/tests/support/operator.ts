// SPDX-License-Identifier: Apache-2.0
// The operator's line and a browser's peer connection, as far as a session touches them: requests are answered, sections get
// mids when they are offered, and what a test says goes wrong does.

import { vi } from "vitest";
import type { Signalling } from "../../src/wire.gen";

type Request = Exclude<Signalling.ClientMessage, { type: "ping" }>;
type Answer = { type: string } & Record<string, unknown>;

interface Line {
  onopen: (() => void) | undefined;
  closed: boolean;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: (() => void) | null;
}

/** A receiving or sending section. */
class Section {
  mid: string | null = null;
  readonly sender = {
    transform: null,
    getParameters: () => ({ encodings: [] }),
    replaceTrack: async () => {},
  };
  readonly receiver: { transform: unknown; track: MediaStreamTrack };

  constructor(readonly kind: string) {
    this.receiver = { transform: null, track: { id: kind } as MediaStreamTrack };
  }

  setCodecPreferences(): void {}
}

/** The browser's end of the media path. */
export class FakeConnection {
  connectionState = "new";
  onconnectionstatechange: (() => void) | null = null;
  /** Thrown by the next offer. */
  fault: Error | undefined;
  private readonly sections: Section[] = [];

  addTransceiver(kind: string): Section {
    const section = new Section(kind);
    this.sections.push(section);
    return section;
  }

  getTransceivers(): Section[] {
    return this.sections;
  }

  createDataChannel(): void {}
  restartIce(): void {}
  close(): void {
    this.closed = true;
  }

  async createOffer(): Promise<{ sdp: string }> {
    if (this.fault) throw this.fault;
    return { sdp: "v=0\r\n" };
  }

  async setLocalDescription(): Promise<void> {
    for (const [number, section] of this.sections.entries()) section.mid ??= `m${number}`;
  }

  answers = 0;
  closed = false;

  /** `working`: what the browser waits for before an answer is set. */
  constructor(private readonly working: () => Promise<void>) {}

  setRemoteDescription(): Promise<void> {
    this.answers++;
    return this.working();
  }

  /** The browser tells that the path has this state now. */
  becomes(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** An operator with one room, and the browser that enters it. `install` puts both in place of the globals. */
export class FakeOperator {
  readonly heard: Request[] = [];
  readonly connections: FakeConnection[] = [];
  private readonly lines: Line[] = [];
  /** Of every line that was opened. */
  readonly addresses: string[] = [];
  /** What it asks devices to tell; an older one knows nothing of it. */
  reports: Signalling.Reports | undefined;
  /** What the browser waits for before an answer is set. */
  working: Promise<void> = Promise.resolve();
  /** Who is in the room, as the answer to `enter` says. */
  participants: Signalling.Participant[] = [];
  /** What a request is refused with; undefined grants it. */
  refuses: (request: Request) => string | undefined = () => undefined;

  /** Says something on its own, on the line that was opened last. */
  say(message: Signalling.ServerMessage): void {
    this.lines.at(-1)?.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The line that was opened last breaks. */
  breakLine(): void {
    this.lines.at(-1)?.onclose?.();
  }

  /** Whether lines open at once; else they wait for `open`. */
  opens = true;

  /** Opens every line that waits. */
  open(): void {
    for (const line of this.lines) line.onopen?.();
  }

  /** Of every line whether this side closed it. */
  get closed(): boolean[] {
    return this.lines.map(({ closed }) => closed);
  }

  /** Whether a request is left without an answer. */
  silent: (request: Request) => boolean = () => false;

  install(): void {
    const { connections, addresses, lines } = this;
    const working = () => this.working;
    const operator = this;
    const connected = (socket: FakeSocket) => void queueMicrotask(() => operator.opens && socket.onopen?.());
    const asked = (request: Request) => this.answer(request);
    class FakeSocket {
      onopen: (() => void) | undefined;
      onmessage: ((event: { data: string }) => void) | null = null;
      onclose: (() => void) | null = null;
      closed = false;

      constructor(address: string) {
        addresses.push(address);
        lines.push(this);
        connected(this);
      }

      send(said: string): void {
        const request = JSON.parse(said);
        const answer = request.type === "ping" ? { type: "pong", id: request.id } : asked(request);
        if (operator.silent(request)) return;
        queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(answer) }));
      }

      close(): void {
        this.closed = true;
      }
    }
    vi.stubGlobal("WebSocket", FakeSocket);
    vi.stubGlobal(
      "RTCPeerConnection",
      class extends FakeConnection {
        constructor() {
          super(working);
          connections.push(this);
        }
      },
    );
    // Not every Node has one.
    vi.stubGlobal("navigator", { platform: "test", userAgent: "test" });
    const half = { getCapabilities: () => null };
    vi.stubGlobal("RTCRtpSender", half);
    vi.stubGlobal("RTCRtpReceiver", half);
  }

  /** Bindings that were asked for, in order. */
  get bindings(): Signalling.Binding[] {
    return this.heard.flatMap((request) => (request.type === "bind" ? [...request.bindings] : []));
  }

  /** How often somebody asked to enter. */
  get entries(): number {
    return this.heard.filter(({ type }) => type === "enter").length;
  }

  private answer(request: Request): Answer {
    this.heard.push(request);
    const { id } = request;
    const code = this.refuses(request);
    if (code !== undefined) return { type: "refused", id, code, message: "No.", action: "Do not." };
    if (request.type !== "enter" && request.type !== "offer") return { type: "done", id };
    const sections = this.connections.at(-1)?.getTransceivers() ?? [];
    const slots = sections
      .map(({ kind, mid }, slot) => ({ slot, kind, mid: mid ?? "" }))
      .slice(3)
      .map((one, slot) => ({ ...one, slot }));
    if (request.type === "offer") return { type: "answered", id, sdp: "v=0\r\n", slots };
    const wanted = this.reports && { reports: this.reports };
    const room = { participants: this.participants, sealing: "optional", serverTime: 0, ...wanted };
    return { type: "entered", id, version: 1, sdp: "v=0\r\n", slots, ...room };
  }
}
