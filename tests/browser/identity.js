// SPDX-License-Identifier: Apache-2.0
// Put before the sealing worker's own code by a test: a cipher that changes nothing. The tests must notice.
(() => {
  const subtle = crypto.subtle;
  const encrypt = subtle.encrypt.bind(subtle), decrypt = subtle.decrypt.bind(subtle);
  const bytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
  subtle.encrypt = async (algorithm, key, data) => {
    const sealed = new Uint8Array(await encrypt(algorithm, key, data));
    sealed.set(bytes(data));
    return sealed.buffer;
  };
  subtle.decrypt = async (algorithm, key, data) => {
    const given = bytes(data);
    if (algorithm.additionalData === undefined || algorithm.additionalData.byteLength === 0) return decrypt(algorithm, key, data);
    return given.slice(0, given.byteLength - 16).buffer;
  };
})();
