// SPDX-License-Identifier: Apache-2.0

import type { ErrorCode as WireCode } from "./wire.gen";

/** Error classes with trtc-sdk-v5's numbers. */
export const ErrorCode = {
  INVALID_PARAMETER: 5000,
  INVALID_OPERATION: 5100,
  ENV_NOT_SUPPORTED: 5200,
  DEVICE_ERROR: 5300,
  SERVER_ERROR: 5400,
  OPERATION_FAILED: 5500,
  OPERATION_ABORT: 5998,
  UNKNOWN_ERROR: 5999,
} as const;
export type ErrorNumber = (typeof ErrorCode)[keyof typeof ErrorCode];

/** trtc-sdk-v5's `extraCode`s that this SDK gives. */
export const ExtraCode = {
  ROOM_ID_RANGE: 5012,
  ROOM_STRING_INVALID: 5013,
  ROOM_ID_MISSING: 5015,
  NOT_IN_ROOM: 5101,
  REPEATED_CALL: 5104,
  DEVICE_NOT_FOUND: 5301,
  DEVICE_DENIED: 5302,
  DEVICE_BUSY: 5303,
  DEVICE_OVERCONSTRAINED: 5304,
  DEVICE_OTHER: 5309,
  CONNECTION_BLOCKED: 5501,
  RE_ENTRY_FAILED: 5502,
} as const;

/** What an error says beyond its class. */
export interface RtcErrorDetails {
  /** trtc's more exact number, or 0. */
  readonly extraCode?: number;
  /** A stable word: one of the wire's codes, or the SDK's own. */
  readonly reason?: WireCode | (string & {});
  /** What to do next, for a person. */
  readonly action?: string;
  readonly functionName?: string;
  readonly originError?: unknown;
  /** The server of the site that serves the application, where it is not this one. Ask whether to trust it before you go there. */
  readonly endpoint?: string;
}

/** Every error of the SDK. `message` says what happened, `action` what to do next; neither holds a token. */
export class RtcError extends Error {
  override readonly name = "RtcError";
  readonly extraCode: number;
  readonly reason: string;
  readonly action: string;
  readonly functionName: string;
  readonly originError: unknown;
  readonly endpoint: string | undefined;

  constructor(
    readonly code: ErrorNumber,
    message: string,
    details: RtcErrorDetails = {},
  ) {
    super(message);
    this.extraCode = details.extraCode ?? 0;
    this.reason = details.reason ?? "";
    this.action = details.action ?? "";
    this.functionName = details.functionName ?? "";
    this.originError = details.originError;
    this.endpoint = details.endpoint;
  }
}

/** A refusal of the server. */
export function refusedByServer(refusal: {
  code: WireCode;
  message: string;
  action: string;
  trtc?: number;
  endpoint?: string;
}): RtcError {
  const { code, message, action, trtc = 0, endpoint } = refusal;
  const elsewhere = endpoint === undefined ? {} : { endpoint };
  return new RtcError(ErrorCode.SERVER_ERROR, message, {
    extraCode: trtc,
    reason: code,
    action,
    ...elsewhere,
  });
}

/** Any error as an RtcError. */
export function asRtcError(error: unknown, functionName: string): RtcError {
  if (error instanceof RtcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RtcError(ErrorCode.UNKNOWN_ERROR, message, { functionName, originError: error });
}
