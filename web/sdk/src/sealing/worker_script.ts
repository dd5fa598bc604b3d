// SPDX-License-Identifier: Apache-2.0
// Starts the worker's script; under Trusted Types through the one policy `sealroom`, which lets through nothing else.

import { ErrorCode, RtcError } from "../errors";

interface ScriptUrlPolicy {
  createScriptURL(url: string): string;
}

interface PolicyFactory {
  createPolicy(name: string, rules: ScriptUrlPolicy): ScriptUrlPolicy;
}

/** A page may have a policy of a name once only, so each script's is kept. */
const policies = new Map<string, ScriptUrlPolicy>();

/** Starts the sealing worker; throws RtcError when there is no script, or one from elsewhere. */
export function sealingWorker(script: string | URL | undefined): Worker {
  if (script === undefined) {
    throw new RtcError(ErrorCode.INVALID_PARAMETER, "There is no script for the sealing worker.", {
      action: "Give `sealingWorker` to TRTC.create.",
    });
  }
  const url = new URL(script, location.href);
  if (url.origin !== location.origin) {
    throw new RtcError(
      ErrorCode.INVALID_PARAMETER,
      "The sealing worker's script is not from the page's origin.",
      {
        action: "Serve it from where the page comes from.",
      },
    );
  }
  return new Worker(trusted(url.href), { type: "module", name: "sealing" });
}

function trusted(allowed: string): string {
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  if (factory === undefined) return allowed;
  let policy = policies.get(allowed);
  if (policy === undefined) {
    policy = factory.createPolicy("sealroom", {
      createScriptURL: (url) => {
        if (url !== allowed) throw new TypeError("only the sealing worker's script");
        return url;
      },
    });
    policies.set(allowed, policy);
  }
  return policy.createScriptURL(allowed);
}
