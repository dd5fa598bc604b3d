// SPDX-License-Identifier: Apache-2.0
// Put into a page in Firefox behind `source.js`: where there is no sound card an AudioContext never runs there, so the microphone
// is the browser's own test device (its tone is a preference), and what is heard is recorded and looked at afterwards.
(() => {
  if (!navigator.mediaDevices) return;
  const pictures = navigator.mediaDevices.getUserMedia;
  const devices = MediaDevices.prototype.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const stream = await pictures({ video });
    if (audio) for (const track of (await devices({ audio: true })).getAudioTracks()) stream.addTrack(track);
    return stream;
  };

  async function recorded(stream, seconds) {
    const recorder = new MediaRecorder(new MediaStream(stream.getAudioTracks()));
    const data = new Promise((resolve) => (recorder.ondataavailable = (event) => resolve(event.data)));
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    recorder.stop();
    return (await data).arrayBuffer();
  }

  async function loudest(sound) {
    const buffer = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(sound);
    const context = new OfflineAudioContext(1, buffer.length, buffer.sampleRate);
    const source = new AudioBufferSourceNode(context, { buffer });
    const analyser = new AnalyserNode(context, { fftSize: 8192 });
    source.connect(analyser).connect(context.destination);
    source.start();
    await context.startRendering();
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const peak = bins.indexOf(Math.max(...bins));
    return { level: bins[peak], frequency: (peak * buffer.sampleRate) / analyser.fftSize };
  }

  __probe.tones = async (seconds = 1) => {
    const elements = [...document.querySelectorAll("audio")].filter(({ srcObject }) => srcObject?.getAudioTracks().length);
    const heard = elements.map(async ({ srcObject, dataset }) => {
      return { user: dataset.user ?? null, ...(await loudest(await recorded(srcObject, seconds))) };
    });
    return (await Promise.all(heard)).filter((one) => one.level > -60);
  };
})();
