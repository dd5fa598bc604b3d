// SPDX-License-Identifier: Apache-2.0
// The signalling line: requests with ids, what the server says on its own, liveness.

import { ErrorCode, ExtraCode, RtcError, refusedByServer } from "../errors";
import { parse } from "../shape";
import type { Signalling } from "../wire.gen";
import { SERVER_MESSAGE } from "./messages";

const OPEN_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 15_000;
const PING_MS = 10_000;
const SILENCE_MS = 30_000;
const TAKES = ["reports", "blocked", "sites", "kept"];

type Unsolicited = Exclude<
  Signalling.ServerMessage,
  { type: "entered" | "answered" | "record" | "kept" | "done" | "refused" | "pong" }
>;
type Answer = Extract<
  Signalling.ServerMessage,
  { type: "entered" | "answered" | "record" | "kept" | "done" }
>;
type Without<T> = T extends unknown ? Omit<T, "id"> : never;
/** A request before the line gave it its id. */
export type Request = Without<Exclude<Signalling.ClientMessage, { type: "ping" }>>;
type AnswerTo<R extends Request> = R["type"] extends "enter"
  ? Signalling.Entered
  : R["type"] extends "offer"
    ? Signalling.Answered
    : R["type"] extends "record"
      ? Signalling.Record
      : R["type"] extends "kept"
        ? Signalling.Kept
        : Signalling.Done;

/** What a line tells. */
export interface LineListener {
  said(message: Unsolicited): void;
  /** The line is gone; `error` when it broke rather than was closed by us. */
  closed(error: RtcError | null): void;
}

const ANSWER_TO: Partial<Record<Request["type"], Answer["type"]>> = {
  enter: "entered",
  offer: "answered",
  record: "record",
  kept: "kept",
};

interface Pending {
  readonly expects: Answer["type"];
  resolve(answer: Answer): void;
  reject(error: RtcError): void;
}

/** One line to the operator. */
export class SignallingLine {
  private readonly pending = new Map<number, Pending>();
  private readonly pinging: ReturnType<typeof setInterval>;
  private lastId = 0;
  private heard = Date.now();
  private open = true;

  private constructor(
    private readonly socket: WebSocket,
    private readonly listener: LineListener,
  ) {
    socket.onmessage = ({ data }: MessageEvent) => this.hear(data);
    socket.onclose = () => this.shut(lineLost("The line to the server broke."));
    this.pinging = setInterval(() => this.beat(), PING_MS);
  }

  /** Opens a line; rejects with RtcError when the server cannot be reached in time. */
  static async connect(url: string, listener: LineListener): Promise<SignallingLine> {
    const socket = new WebSocket(withTakes(url));
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(lineLost("The server cannot be reached."));
      const timer = setTimeout(() => {
        socket.onclose = null;
        socket.close();
        fail();
      }, OPEN_WITHIN_MS);
      socket.onclose = () => {
        clearTimeout(timer);
        fail();
      };
      socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return new SignallingLine(socket, listener);
  }

  /** Sends a request; rejects with RtcError when it is refused, not answered, or the line breaks. */
  async ask<R extends Request>(request: R): Promise<AnswerTo<R>> {
    if (!this.open) throw lineLost("The line to the server is closed.");
    const id = ++this.lastId;
    const expects = ANSWER_TO[request.type] ?? "done";
    const answer = new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(
        () => settle(() => reject(lineLost("The server does not answer."))),
        ANSWER_WITHIN_MS,
      );
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        this.pending.delete(id);
        how();
      };
      this.pending.set(id, {
        expects,
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      });
    });
    this.socket.send(JSON.stringify({ ...request, id }));
    return (await answer) as AnswerTo<R>;
  }

  /** Closes the line; what is still asked is aborted. */
  close(): void {
    this.shut(null);
  }

  private hear(data: unknown): void {
    this.heard = Date.now();
    let message: Signalling.ServerMessage;
    try {
      message = parse(String(data), SERVER_MESSAGE);
    } catch {
      return this.shut(lineLost("The server said something that this SDK does not know."));
    }
    switch (message.type) {
      case "pong":
        return;
      case "refused":
        return this.refused(message);
      case "entered":
      case "answered":
      case "record":
      case "kept":
      case "done": {
        const pending = this.pending.get(message.id);
        if (pending?.expects === message.type) pending.resolve(message);
        return;
      }
      default:
        this.listener.said(message);
    }
  }

  private refused(message: Signalling.Refused): void {
    const error = refusedByServer(message);
    const pending = this.pending.get(message.id);
    if (pending) pending.reject(error);
    else if (message.id === 0) this.shut(error);
  }

  private beat(): void {
    if (Date.now() - this.heard > SILENCE_MS) return this.shut(lineLost("The server has been silent."));
    this.socket.send(JSON.stringify({ type: "ping", id: ++this.lastId } satisfies Signalling.Ping));
  }

  private shut(error: RtcError | null): void {
    if (!this.open) return;
    this.open = false;
    clearInterval(this.pinging);
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    const reason = error ?? new RtcError(ErrorCode.OPERATION_ABORT, "The room was left.", { reason: "left" });
    for (const pending of [...this.pending.values()]) pending.reject(reason);
    this.listener.closed(error);
  }
}

/** Says in the address what this SDK knows beyond the protocol's version: a server that does not know it passes it over. */
function withTakes(server: string): string {
  const url = new URL(server);
  for (const word of TAKES) url.searchParams.append("takes", word);
  return url.href;
}

function lineLost(message: string): RtcError {
  return new RtcError(ErrorCode.OPERATION_FAILED, message, {
    extraCode: ExtraCode.CONNECTION_BLOCKED,
    reason: "line_lost",
    action: "Check the network and the server's address, then try again.",
  });
}
