// SPDX-License-Identifier: Apache-2.0
// `?room=` and `?name=` fill the form in; `&auto=1` enters at once with the devices remembered.

import { render } from "preact";
import { enter, listen } from "./call";
import { startCamera, startMicrophone } from "./devices";
import { remember, remembered } from "./remembered";
import * as state from "./state";
import { App } from "./view/app";

const asked = new URLSearchParams(location.search);
const before = remembered();

state.room.value = asked.get("room") ?? "";
state.name.value = asked.get("name") ?? before.name;
state.name.subscribe((name) => remember({ name }));
state.microphoneOn.value = before.microphoneOn;
listen();

const root = document.getElementById("app");
const auto = asked.get("auto") === "1" && state.room.value !== "" && state.name.value !== "";
if (auto) state.stage.value = "entering";
if (root) render(<App />, root);
prepare().catch(() => undefined);

/** One after the other, so that the browser asks for one thing at a time. */
async function prepare(): Promise<void> {
  if (before.cameraOn) await startCamera(null);
  if (before.microphoneOn) await startMicrophone();
  if (!auto) return;
  state.stage.value = "lobby";
  await enter();
}
