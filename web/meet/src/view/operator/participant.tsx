// SPDX-License-Identifier: Apache-2.0
// One participant: the operator's record of him, beside what this device makes of him.

import type { OperatorRecord } from "@sealroom/sdk";
import { nameOf } from "../../names";
import { deviceLines, type Line, operatorLines } from "../../record";
import * as state from "../../state";

export function Participant({ participant }: { participant: OperatorRecord["participants"][number] }) {
  const { userId, tracks } = participant;
  const you = userId === state.userId.value;
  const stranger = state.strangers.value.includes(userId);
  const packets = tracks.flatMap(({ layers }) => layers).reduce((sum, layer) => sum + layer.packets, 0);
  return (
    <section class="known" data-user={userId} data-packets={packets} aria-label={nameOf(userId)}>
      <h4>
        {nameOf(userId)} {you && <span class="quiet">(you)</span>}
        {stranger && <span class="stranger"> has no keys; only the operator names them</span>}
      </h4>
      <div class="sides">
        <Side title="The operator has" name="record" lines={operatorLines(participant, you)}>
          {state.isSealed.value && <Sealed tracks={tracks.length} />}
        </Side>
        <Side
          title={you ? "This device sends, before it is sealed" : "This device opened"}
          name="device"
          lines={deviceLines(state.statistics.value, userId, you)}
        />
      </div>
    </section>
  );
}

function Sealed({ tracks }: { tracks: number }) {
  return tracks === 0 ? null : (
    <div class="sealed-content">
      <dt>Pictures and sound</dt>
      <dd>sealed, not readable for the operator</dd>
    </div>
  );
}

interface SideProps {
  title: string;
  name: string;
  lines: readonly Line[];
  children?: preact.ComponentChildren;
}

function Side({ title, name, lines, children }: SideProps) {
  return (
    <div class={`side ${name}`}>
      <h5>{title}</h5>
      <dl>
        {children}
        {lines.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
