// SPDX-License-Identifier: Apache-2.0
// Put into a page before its own scripts: camera and microphone that can be recognised on the other side.
// The picture carries a barcode (sender, frame number, checksum) over a moving background; the sound is one tone.
(() => {
  const { sender, tone, width, height, rate } = globalThis.__source;
  const BITS = 32, TOP = 0.75;
  let count = 0;

  function bits(sender, number) {
    const check = (90 + sender * 31 + (number & 0xff) * 7 + (number >> 8) * 13) & 0xff;
    const value = [sender, (number >> 8) & 0xff, number & 0xff, check];
    return value.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> (7 - bit)) & 1));
  }

  function draw(context, sender) {
    const number = count++ & 0xffff;
    context.fillStyle = `hsl(${(sender * 80 + number) % 360} 70% 45%)`;
    context.fillRect(0, 0, width, height);
    for (let ball = 0; ball < 12; ball++) {
      context.fillStyle = `hsl(${(ball * 30 + number * 3) % 360} 90% 60%)`;
      context.beginPath();
      context.arc(width * (0.5 + 0.45 * Math.sin(number / 17 + ball)), height * (0.35 + 0.3 * Math.cos(number / 11 + ball * 2)), 30, 0, 7);
      context.fill();
    }
    const block = width / BITS;
    bits(sender, number).forEach((bit, index) => {
      context.fillStyle = bit ? "#fff" : "#000";
      context.fillRect(index * block, height * TOP, block + 1, height * (1 - TOP));
    });
  }

  function picture(sender) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    draw(context, sender);
    const timer = setInterval(() => draw(context, sender), 1000 / rate);
    const [track] = canvas.captureStream(rate).getVideoTracks();
    const stop = track.stop.bind(track);
    track.stop = () => { clearInterval(timer); stop(); };
    return track;
  }

  let audio;
  function microphone() {
    audio ??= new AudioContext();
    const oscillator = new OscillatorNode(audio, { frequency: tone });
    const gain = new GainNode(audio, { gain: 0.3 });
    const out = audio.createMediaStreamDestination();
    oscillator.connect(gain).connect(out);
    oscillator.start();
    return out.stream.getAudioTracks()[0];
  }

  const device = (kind, name) => ({ deviceId: `${kind}-${name}`, groupId: "g", kind, label: `Test ${kind} ${name}`, toJSON() { return this; } });
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = new MediaStream();
    if (constraints.video) stream.addTrack(picture(sender));
    if (constraints.audio) stream.addTrack(microphone());
    return stream;
  };
  let screen;
  navigator.mediaDevices.getDisplayMedia = async () => {
    screen = picture(sender + 100);
    return new MediaStream([screen]);
  };
  // What the browser's own "stop sharing" does to the page.
  globalThis.__endScreen = () => { screen.stop(); screen.dispatchEvent(new Event("ended")); };
  navigator.mediaDevices.enumerateDevices = async () => [
    device("videoinput", "one"), device("videoinput", "two"), device("audioinput", "one"), device("audiooutput", "one"),
  ];

  // What `tap.js` copies from the sealing worker, as text that a test can take out.
  globalThis.__encoded = [];
  new BroadcastChannel("encoder-output").onmessage = ({ data: { video, ssrc, data } }) => {
    let text = "";
    for (const byte of new Uint8Array(data)) text += String.fromCharCode(byte);
    __encoded.push({ video, ssrc, body: btoa(text) });
  };

  // What a test asks of the page: barcodes of the tiles, and the loudest tones of what is heard.
  globalThis.__probe = {
    read(video) {
      if (!video || !video.videoWidth) return null;
      const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(video, 0, 0);
      const y = Math.floor(video.videoHeight * (TOP + (1 - TOP) / 2));
      const row = context.getImageData(0, y, video.videoWidth, 1).data;
      const bytes = [0, 0, 0, 0];
      for (let bit = 0; bit < BITS; bit++) {
        const x = Math.floor(((bit + 0.5) * video.videoWidth) / BITS) * 4;
        if (row[x] + row[x + 1] + row[x + 2] > 384) bytes[bit >> 3] |= 1 << (7 - (bit & 7));
      }
      const [from, high, low, check] = bytes;
      const good = ((90 + from * 31 + low * 7 + high * 13) & 0xff) === check;
      return { good, sender: from, number: (high << 8) | low, width: video.videoWidth };
    },
    tiles() {
      return [...document.querySelectorAll("video[data-user]")].map((video) => ({
        user: video.dataset.user, track: video.dataset.track, local: "local" in video.dataset, code: this.read(video),
      }));
    },
    async tones(seconds = 1) {
      const context = new AudioContext();
      await context.resume();
      const found = [];
      for (const element of document.querySelectorAll("audio")) {
        if (!element.srcObject?.getAudioTracks().length) continue;
        const analyser = new AnalyserNode(context, { fftSize: 8192 });
        context.createMediaStreamSource(element.srcObject).connect(analyser);
        found.push({ user: element.dataset.user ?? null, analyser });
      }
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      const heard = found.map(({ user, analyser }) => {
        const bins = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(bins);
        const peak = bins.indexOf(Math.max(...bins));
        return { user, level: bins[peak], frequency: (peak * context.sampleRate) / analyser.fftSize };
      });
      await context.close();
      return heard.filter((one) => one.level > -60);
    },
  };
})();
