// SPDX-License-Identifier: Apache-2.0
// `?room=` and `?name=` fill the form in; `&auto=1` enters at once with the default devices.

import { render } from "preact";
import { enter, listen, startCamera } from "./call";
import * as state from "./state";
import { App } from "./view/app";

const asked = new URLSearchParams(location.search);
const NAME_KEY = "sealroom-name";

state.room.value = asked.get("room") ?? "";
state.name.value = asked.get("name") ?? localStorage.getItem(NAME_KEY) ?? "";
state.name.subscribe((name) => localStorage.setItem(NAME_KEY, name));
listen();

const root = document.getElementById("app");
if (root) render(<App />, root);

const auto = asked.get("auto") === "1" && state.room.value !== "" && state.name.value !== "";
if (auto) {
  state.stage.value = "entering";
  startCamera(null)
    .then(() => {
      state.stage.value = "lobby";
      return enter();
    })
    .catch(() => undefined);
}
