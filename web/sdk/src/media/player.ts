// SPDX-License-Identifier: Apache-2.0
// Elements that show and sound. Styles are set through the CSSOM, which a strict content security policy allows.

import type { View } from "../options";
import type { SoundOutput } from "./output";

/** What a picture is of; stands on the element as `data-user`, `data-track` and, for our own, `data-local`. */
export interface Picture {
  readonly userId: string;
  readonly track: "main" | "screen";
  readonly local: boolean;
}

interface Look {
  readonly fillMode?: "contain" | "cover" | "fill";
  readonly mirror?: boolean;
}

/** One <video> for one track; it moves from view to view. */
export class VideoPlayer {
  private readonly element = document.createElement("video");

  constructor(
    picture: Picture,
    onFirstFrame: (width: number, height: number) => void,
    private readonly onBlocked: (resume: () => Promise<void>) => void,
  ) {
    const { element } = this;
    element.autoplay = true;
    element.playsInline = true;
    element.muted = true;
    element.dataset.user = picture.userId;
    element.dataset.track = picture.track;
    if (picture.local) element.dataset.local = "";
    element.addEventListener("loadeddata", () => onFirstFrame(element.videoWidth, element.videoHeight), {
      once: true,
    });
  }

  /** Shows the track in the view; null takes the picture off the page. */
  show(track: MediaStreamTrack, view: View, { fillMode = "cover", mirror = false }: Look = {}): void {
    const { element } = this;
    const parent = typeof view === "string" ? document.getElementById(view) : view;
    element.style.width = element.style.height = "100%";
    element.style.objectFit = fillMode;
    element.style.transform = mirror ? "scaleX(-1)" : "";
    const stream = element.srcObject;
    if (!(stream instanceof MediaStream) || stream.getVideoTracks()[0] !== track) {
      element.srcObject = new MediaStream([track]);
    }
    if (parent === null) return element.remove();
    if (element.parentElement !== parent) parent.append(element);
    element.play().catch((error: unknown) => {
      if (isBlocked(error)) this.onBlocked(() => element.play());
    });
  }

  remove(): void {
    this.element.srcObject = null;
    this.element.remove();
  }
}

/** The sound of the audio slots: one <audio> each. Whose voice a slot carries changes; who is muted does not. */
export class Speakers {
  private readonly slots = new Map<number, { element: HTMLAudioElement; userId: string }>();
  private readonly muted = new Set<string>();
  private everybodyMuted = false;

  constructor(
    private readonly output: SoundOutput,
    private readonly onBlocked: (userId: string, resume: () => Promise<void>) => void,
  ) {}

  /** A slot of a new entry. */
  add(place: number, track: MediaStreamTrack): void {
    const element = document.createElement("audio");
    element.autoplay = true;
    element.hidden = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
    this.output.add(element);
    this.slots.set(place, { element, userId: "" });
    element.play().catch((error: unknown) => {
      if (isBlocked(error)) this.onBlocked(this.slots.get(place)?.userId ?? "", () => element.play());
    });
  }

  /** A slot carries this user's voice from now on; null: nobody's. */
  assign(place: number, userId: string | null): void {
    const slot = this.slots.get(place);
    if (slot === undefined) return;
    slot.userId = userId ?? "";
    if (userId === null) delete slot.element.dataset.user;
    else slot.element.dataset.user = userId;
    this.apply();
  }

  /** Whose voice a slot carries. */
  userAt(place: number): string | undefined {
    return this.slots.get(place)?.userId || undefined;
  }

  placeOf(userId: string): number | undefined {
    return [...this.slots].find(([, slot]) => slot.userId === userId)?.[0];
  }

  /** Mutes or unmutes one user, or everybody with `*`. */
  mute(userId: string, mute: boolean): void {
    if (userId === "*") {
      this.everybodyMuted = mute;
      if (!mute) this.muted.clear();
    } else if (mute) this.muted.add(userId);
    else this.muted.delete(userId);
    this.apply();
  }

  clear(): void {
    for (const { element } of this.slots.values()) {
      this.output.remove(element);
      element.srcObject = null;
      element.remove();
    }
    this.slots.clear();
  }

  private apply(): void {
    for (const { element, userId } of this.slots.values()) {
      element.muted = this.everybodyMuted || this.muted.has(userId);
    }
  }
}

function isBlocked(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotAllowedError";
}
