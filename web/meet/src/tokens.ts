// SPDX-License-Identifier: Apache-2.0
// What the page asks of the backend that serves it.

/** Everything needed to enter. `authority` and `grant` are there when the call is sealed. */
export interface Tokens {
  sdkAppId: number;
  userId: string;
  userSig: string;
  operator: string;
  authority?: string | null;
  grant?: string | null;
  roomId?: number | null;
  strRoomId?: string | null;
}

/** Something went wrong, in words for a person. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly action: string,
  ) {
    super(message);
  }
}

/** Asks for the tokens of a user and a room; rejects with Problem. */
export async function fetchTokens(user: string, room: string): Promise<Tokens> {
  const tokens = (await post("/api/tokens", { user, room })) as Tokens;
  if (typeof tokens?.userSig === "string" && typeof tokens.operator === "string") return tokens;
  throw new Problem("The server gave an answer that this page does not understand.", "Reload the page.");
}

/** Asks for a fresh grant; rejects with Problem. */
export async function fetchGrant(user: string, room: string): Promise<string> {
  const { grant } = (await post("/api/grants", { user, room })) as { grant?: unknown };
  if (typeof grant === "string") return grant;
  throw new Problem("The server gave no grant.", "Reload the page.");
}

/** A refusal says what happened as `message`, and what to do next as `action`. */
async function post(path: string, body: object): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem("The server cannot be reached.", "Check your network, then try again.");
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  const { message, action } = (answer ?? {}) as { message?: string; action?: string };
  throw new Problem(message ?? "The server refused.", action ?? "Try again in a moment.");
}
