// SPDX-License-Identifier: Apache-2.0

import { announcement, stage } from "../state";
import { Lobby } from "./lobby";
import { Room } from "./room";

/** The whole page: before, in and after the call. */
export function App() {
  return (
    <>
      {stage.value === "call" ? <Room /> : <Lobby />}
      <p class="unseen" aria-live="polite">
        {announcement.value}
      </p>
    </>
  );
}
