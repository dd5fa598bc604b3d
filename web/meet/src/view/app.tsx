// SPDX-License-Identifier: Apache-2.0

import { announcements, stage } from "../state";
import { Lobby } from "./lobby/lobby";
import { Room } from "./room";

/** The whole page: before, in and after the call. */
export function App() {
  return (
    <>
      {/* First: behind a room that fills the window it would make the page a pixel too high, and scroll. */}
      <div class="unseen" role="log" aria-live="polite" aria-label="What happened">
        {announcements.value.map(({ id, text }) => (
          <p key={id}>{text}</p>
        ))}
      </div>
      {stage.value === "call" ? <Room /> : <Lobby />}
    </>
  );
}
