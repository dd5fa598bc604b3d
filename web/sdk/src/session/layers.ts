// SPDX-License-Identifier: Apache-2.0
// Simulcast of the camera: three layers, the smallest first.

/** One layer as `setParameters` takes it; the typings do not know `scaleResolutionDownTo` yet. */
export interface LayerEncoding extends RTCRtpEncodingParameters {
  scaleResolutionDownTo?: { maxWidth: number; maxHeight: number };
}

/** q, h and f: quarter, half and full size. The bit rates are ceilings; f follows the chosen profile. */
export const LAYERS: LayerEncoding[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

/**
 * The encodings for a source of this size. Sizes are given as such besides as factors: with factors alone Chromium leaves out
 * the full-size layer of sources below 960x540. The ceiling of the full-size layer is `bitrate` bits a second, and smaller
 * layers get no more than a part of it.
 */
export function layersFor<T extends LayerEncoding>(
  encodings: readonly T[],
  source: { width: number; height: number },
  bitrate: number,
): T[] {
  return encodings.map((encoding) => {
    const layer = LAYERS.find(({ rid }) => rid === encoding.rid);
    if (layer === undefined) return { ...encoding, maxBitrate: bitrate };
    const factor = layer.scaleResolutionDownBy ?? 1;
    const ceiling = factor === 1 ? bitrate : Math.min(layer.maxBitrate ?? bitrate, bitrate / factor);
    return {
      ...encoding,
      maxBitrate: Math.round(ceiling),
      scaleResolutionDownTo: {
        maxWidth: Math.max(1, Math.round(source.width / factor)),
        maxHeight: Math.max(1, Math.round(source.height / factor)),
      },
    };
  });
}
