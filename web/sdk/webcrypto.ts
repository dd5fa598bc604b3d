// SPDX-License-Identifier: Apache-2.0
// Stands in for node's `crypto`, which @hpke/core would only ask where a browser had no WebCrypto.
export const webcrypto = globalThis.crypto;
