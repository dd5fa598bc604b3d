// SPDX-License-Identifier: Apache-2.0
// How loud a microphone is, measured on this device; nothing of it is sent.

/** The quietest that moves the meter, in dB below full scale. Lower shows the noise of a quiet room as sound. */
const FLOOR_DB = -60;
/** What fills the meter: a voice close to the microphone. */
const CEILING_DB = -10;
/** 2,048 samples are 43 ms at 48 kHz: longer than a period of the lowest voice, shorter than a syllable. */
const WINDOW = 2048;

/** Loudness from 0 to 1 of samples between -1 and 1, by their root mean square, even in decibels as ears are. */
export function loudness(samples: Float32Array): number {
  const energy = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(energy + Number.EPSILON);
  return Math.min(1, Math.max(0, (decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}

/** Listens to one microphone until it is closed. */
export class Meter {
  private readonly context = new AudioContext();
  private readonly analyser = new AnalyserNode(this.context, { fftSize: WINDOW });
  private readonly samples = new Float32Array(WINDOW);

  constructor(track: MediaStreamTrack) {
    this.context.createMediaStreamSource(new MediaStream([track])).connect(this.analyser);
  }

  /** Whether the browser waits for a gesture before it lets the page process sound; see `resume`. */
  get held(): boolean {
    return this.context.state === "suspended";
  }

  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    return loudness(this.samples);
  }

  /** To be called from a gesture when the meter is `held`. */
  async resume(): Promise<void> {
    await this.context.resume();
  }

  close(): void {
    this.context.close().catch(() => undefined);
  }
}
