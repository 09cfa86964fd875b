/* The page: what is repainted, after which paintings, and how fast. Workers run the network, each
   a picture at a time: a page that is opened as a file has no threads to share memory with, but
   frames of a moving picture can be computed side by side. */
"use strict";

const network = globalThis.medleyNetwork;
const at = (id) => document.getElementById(id);
const DWELL_MS = 4000; // from a painting to the next while drifting
const MOST_WORKERS = 4;
const RATE_MS = 2000; // over which frames are counted, but three at least

/* In a worker: open the network with onnxruntime, then answer each photo with its picture. */
async function work(ort) {
  let session;
  async function start({ wasm, graph, kind, mix }) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = wasm;
    session = await opened(graph, kind);
    if (kind === "wasm") return;
    // Graphics drivers differ: a small picture must come out as the processor computes it.
    const side = 32;
    const photo = Float32Array.from({ length: 3 * side * side }, (_, n) => ((n * 37) % 101) / 100);
    const own = await run(session, photo, side, side, mix);
    const meant = await run(await opened(graph, "wasm"), photo, side, side, mix);
    if (own.some((value, n) => !(Math.abs(value - meant[n]) < 0.03))) {
      throw new Error("WebGPU computes something else here");
    }
  }
  function opened(graph, kind) {
    return ort.InferenceSession.create(new Uint8Array(graph), {
      executionProviders: [kind],
      logSeverityLevel: 3, // it warns that sizes are computed on the processor
    });
  }
  async function run(opened, planes, width, height, mix) {
    const feeds = { photo: new ort.Tensor("float32", planes, [1, 3, height, width]) };
    if (opened.inputNames.includes("mix")) {
      feeds.mix = new ort.Tensor("float32", mix, [mix.length]);
    }
    const { picture } = await opened.run(feeds);
    const made = await picture.getData();
    picture.dispose();
    return made;
  }
  async function repaint({ pixels, width, height, mix }) {
    const count = width * height;
    const planes = new Float32Array(3 * count);
    for (let from = 0, to = 0; to < count; from += 4, to++) {
      planes[to] = pixels[from] / 255;
      planes[to + count] = pixels[from + 1] / 255;
      planes[to + 2 * count] = pixels[from + 2] / 255;
    }
    const made = await run(session, planes, width, height, mix);
    for (let to = 0, from = 0; from < count; to += 4, from++) {
      pixels[to] = made[from] * 255; // a clamped array rounds by itself
      pixels[to + 1] = made[from + count] * 255;
      pixels[to + 2] = made[from + 2 * count] * 255;
      pixels[to + 3] = 255;
    }
    return pixels;
  }
  self.onmessage = async ({ data }) => {
    const began = performance.now();
    try {
      if (data.graph) {
        await start(data);
        self.postMessage({ ready: true });
      } else {
        const pixels = await repaint(data);
        const answer = { ...data, pixels, took: performance.now() - began };
        self.postMessage(answer, [pixels.buffer]);
      }
    } catch (error) {
      self.postMessage({ error: String(error.message || error) });
    }
  };
  self.postMessage({ loaded: true });
}

/* ---- The runtime: parts in base64 become a worker each ---- */

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function unpacked(text) {
  const packed = new Blob([fromBase64(text)]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function loadScript(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = name;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${name} is missing; run scripts/live_page`));
    document.head.append(script);
  });
}

const runtime = { kind: "", wasm: null, source: "", workers: [], most: 1 };

async function openRuntime(kind) {
  runtime.workers.forEach(({ thread }) => thread.terminate());
  Object.assign(runtime, { kind, workers: [], source: "" });
  await loadScript(`runtime-${kind}.js`);
  const parts = globalThis.medleyRuntime;
  runtime.wasm = await unpacked(parts.wasm);
  const script = [await unpacked(parts.script), `(${work})(self.ort);`];
  runtime.source = URL.createObjectURL(new Blob(script, { type: "text/javascript" }));
  globalThis.medleyRuntime = null;
  const cores = navigator.hardwareConcurrency || 2;
  runtime.most = kind === "webgpu" ? 1 : Math.min(MOST_WORKERS, cores);
  addWorker();
}

function addWorker() {
  const thread = new Worker(runtime.source);
  const worker = { thread, busy: true, ready: false };
  runtime.workers.push(worker);
  thread.onerror = (event) => failed(worker, event.message || "a worker could not be started");
  thread.onmessage = ({ data }) => {
    if (data.loaded) {
      const { wasm, kind } = runtime;
      const graph = fromBase64(network.graph).buffer;
      thread.postMessage({ wasm, kind, graph, mix: shares() });
      return;
    }
    worker.busy = false;
    if (data.error) failed(worker, data.error);
    else if (data.ready) {
      worker.ready = true;
      tellRuntime();
    }
    else show(data);
    feed();
  };
}

function failed(worker, reason) {
  view.fresh = true;
  if (runtime.kind === "webgpu") { // a driver may lack what the network needs
    openRuntime("wasm").catch((error) => tell(error.message));
  } else if (runtime.workers.length > 1) { // there may be no memory for so many
    worker.thread.terminate();
    runtime.workers = runtime.workers.filter((other) => other !== worker);
    runtime.most = runtime.workers.length;
    tellRuntime();
  } else {
    view.fresh = false;
    tell(`It cannot be computed (${reason}); choose a smaller size, or another browser.`);
  }
}

function tellRuntime() {
  const count = runtime.workers.length;
  const named = { webgpu: "WebGPU", wasm: "WebAssembly" }[runtime.kind];
  at("runtime").textContent = `Computed by ${named}` + (count > 1 ? `, ${count} frames at once.` : ".");
}

/* Chromium's software adapter is slower than WebAssembly. */
async function bestKind() {
  const asked = location.hash.slice(1);
  if (asked === "wasm" || asked === "webgpu") return asked;
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const software = adapter?.info?.isFallbackAdapter ?? adapter?.isFallbackAdapter;
  return adapter && !software ? "webgpu" : "wasm";
}

/* ---- What is looked at ---- */

const view = {
  source: null, // an ImageBitmap or a video
  fresh: false, // whether there is something to repaint that was not sent
  sent: 0,
  sentAt: 0,
  shown: 0,
  took: 0, // milliseconds of one picture in a worker
  times: [], // when the last frames were shown
};
const mix = { one: 0, other: 1, share: 0, slot: "one", drift: 0 };
const canvas = at("picture");
const screen = canvas.getContext("2d");
const frame = document.createElement("canvas");
const frameContext = frame.getContext("2d", { willReadFrequently: true });

const isCamera = () => view.source instanceof HTMLVideoElement;
const isMoving = () => isCamera() || mix.drift > 0;

function shares() {
  const all = new Float32Array(network.paintings.length);
  all[mix.one] += 1 - mix.share;
  if (all.length > 1) all[mix.other] += mix.share;
  return all;
}

/* Fill a canvas: what is transparent becomes white, and one who looks into a camera sees a mirror. */
function draw(source, context) {
  const { width, height } = context.canvas;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.save();
  if (source.mirrored) {
    context.translate(width, 0);
    context.scale(-1, 1);
  }
  context.drawImage(source, 0, 0, width, height);
  context.restore();
}

/* The source at the size at which it is repainted: never enlarged. */
function grab() {
  const { source } = view;
  const wide = source.videoWidth || source.width;
  const high = source.videoHeight || source.height;
  if (!wide || !high) return null;
  const scale = Math.min(1, Number(at("size").value) / Math.max(wide, high));
  const width = Math.max(1, Math.round(wide * scale));
  const height = Math.max(1, Math.round(high * scale));
  if (frame.width !== width || frame.height !== height) {
    frame.width = width;
    frame.height = height;
  }
  draw(source, frameContext);
  return { pixels: frameContext.getImageData(0, 0, width, height).data, width, height };
}

/* Send the newest frame to a worker that waits; frames of several workers are spread in time. */
function feed() {
  if (!view.fresh || !view.source || !runtime.source) return;
  const now = performance.now();
  const worker = runtime.workers.find(({ busy }) => !busy);
  if (!worker) {
    const starting = runtime.workers.some(({ ready }) => !ready);
    if (isMoving() && view.took && !starting && runtime.workers.length < runtime.most) addWorker();
    return;
  }
  const pace = runtime.workers.length > 1 ? (0.9 * view.took) / runtime.workers.length : 0;
  if (isMoving() && now - view.sentAt < pace) return;
  const grabbed = grab();
  if (!grabbed) return;
  view.fresh = false;
  view.sentAt = now;
  worker.busy = true;
  const number = ++view.sent;
  worker.thread.postMessage({ ...grabbed, number, mix: shares() }, [grabbed.pixels.buffer]);
}

function show({ pixels, width, height, number, took }) {
  view.took = took;
  if (number < view.shown) return; // one that was sent later came first
  view.shown = number;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  screen.putImageData(new ImageData(pixels, width, height), 0, 0);
  at("hint").hidden = true;
  at("save").disabled = false;
  tellRate(width, height);
}

function tellRate(width, height) {
  const now = performance.now();
  const size = `${width} × ${height}`;
  if (!isMoving()) {
    at("rate").textContent = `${size}, ${Math.round(view.took)} ms`;
    return;
  }
  const recent = (time, place, all) => now - time < RATE_MS || place >= all.length - 2;
  view.times = [...view.times.filter(recent), now];
  const [first] = view.times;
  if (view.times.length < 3) return;
  const rate = (1000 * (view.times.length - 1)) / (now - first);
  at("rate").textContent = `${size}, ${rate.toFixed(rate < 10 ? 1 : 0)} frames a second`;
}

function tick(now) {
  requestAnimationFrame(tick);
  if (mix.drift) {
    const turn = (now - mix.drift) / DWELL_MS;
    const part = turn % 1;
    const count = network.paintings.length;
    const one = (mix.from + Math.floor(turn)) % count;
    mix.share = part * part * (3 - 2 * part);
    at("share").value = String(Math.round(100 * mix.share));
    if (one !== mix.one || mix.other !== (one + 1) % count) {
      mix.one = one;
      mix.other = (one + 1) % count;
      tellMix();
    }
    view.fresh = true;
  }
  feed();
}

function tell(text) {
  at("told").textContent = text;
}

/* ---- Photo and camera ---- */

async function openPhoto(file) {
  try {
    const bitmap = await createImageBitmap(file);
    closeCamera();
    setSource(bitmap);
    tell("");
  } catch {
    tell(`‘${file.name || "What was given"}’ is no picture that this browser reads.`);
  }
}

function setSource(source) {
  view.source = source;
  view.times = [];
  view.fresh = true;
  at("choose").classList.remove("first");
  at("rate").textContent = "";
  feed();
}

async function openCamera() {
  const devices = navigator.mediaDevices;
  if (!devices) {
    tell("A browser lends its camera to a file on this computer, or to a page by https, alone.");
    return;
  }
  try {
    const video = document.createElement("video");
    const wide = Math.max(640, Number(at("size").value));
    const wish = { width: wide, height: 0.75 * wide, frameRate: { ideal: 60 } };
    video.srcObject = await devices.getUserMedia({ video: wish });
    video.muted = true;
    video.playsInline = true;
    await video.play();
    const [track] = video.srcObject.getVideoTracks();
    video.mirrored = track.getSettings().facingMode !== "environment";
    setSource(video);
    at("camera").setAttribute("aria-pressed", "true");
    tell("");
    eachFrame(video);
  } catch (error) {
    tell(`The camera cannot be used (${error.message}).`);
  }
}

/* A frame counts once, however often the screen is drawn meanwhile. */
function eachFrame(video) {
  const again = () => {
    if (view.source !== video) return;
    view.fresh = true;
    feed();
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(again);
    else requestAnimationFrame(again);
  };
  again();
}

/* Its last frame stays, as a photo. */
function closeCamera() {
  if (!isCamera()) return;
  const video = view.source;
  const still = document.createElement("canvas");
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  draw(video, still.getContext("2d"));
  video.srcObject.getTracks().forEach((track) => track.stop());
  at("camera").setAttribute("aria-pressed", "false");
  setSource(still);
}

function savePicture() {
  const names = [mix.one, mix.other].map((place) => network.paintings[place]?.name);
  const used = names.filter((_, place) => (place ? mix.share > 0 : mix.share < 1));
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `medley-${used.join("-")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }, "image/png");
}

/* ---- Paintings ---- */

function card(button, painting) {
  const name = document.createElement("span");
  name.textContent = painting.name;
  button.replaceChildren(name);
  button.title = [painting.title, painting.artist].filter(Boolean).join("; ");
  if (painting.picture) {
    const image = document.createElement("img");
    image.src = `data:image/jpeg;base64,${painting.picture}`;
    image.alt = "";
    button.prepend(image);
  }
}

function tellMix() {
  ["one", "other"].forEach((slot) => {
    card(at(slot), network.paintings[mix[slot]]);
    at(slot).setAttribute("aria-pressed", String(slot === mix.slot && !mix.drift));
  });
  [...at("paintings").children].forEach((button, place) => {
    button.setAttribute("aria-pressed", String(place === mix.one || place === mix.other));
  });
  at("drift").setAttribute("aria-pressed", String(mix.drift > 0));
}

function changed() {
  mix.drift = 0;
  view.fresh = true;
  tellMix();
  feed();
}

/* A painting that is chosen should be seen: where it has no share, it gets half. */
function choosePainting(place) {
  mix[mix.slot] = place;
  const own = mix.slot === "one" ? 1 - mix.share : mix.share;
  if (own === 0) mix.share = 0.5;
  at("share").value = String(100 * mix.share);
  changed();
}

function toggleDrift() {
  mix.from = mix.one;
  mix.drift = mix.drift ? 0 : performance.now();
  view.times = [];
  view.fresh = true;
  tellMix();
}

function layOutPaintings() {
  network.paintings.forEach((painting, place) => {
    const button = document.createElement("button");
    button.type = "button";
    card(button, painting);
    button.onclick = () => choosePainting(place);
    at("paintings").append(button);
  });
  ["one", "other"].forEach((slot) => {
    at(slot).onclick = () => {
      mix.slot = slot;
      changed();
    };
  });
  at("share").oninput = () => {
    mix.share = at("share").value / 100;
    changed();
  };
  tellMix();
}

/* ---- All together ---- */

function listen() {
  at("choose").onclick = () => at("file").click();
  at("file").onchange = () => {
    if (at("file").files.length) openPhoto(at("file").files[0]);
    at("file").value = "";
  };
  at("camera").onclick = () => (isCamera() ? closeCamera() : openCamera());
  at("drift").onclick = toggleDrift;
  at("save").onclick = savePicture;
  at("size").onchange = () => {
    view.times = [];
    view.fresh = true;
    tell("");
    feed();
  };
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) openPhoto(file);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    at("stage").classList.add("over");
  });
  addEventListener("dragleave", () => at("stage").classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    at("stage").classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) openPhoto(file);
  });
}

async function open() {
  if (!network) {
    document.querySelectorAll("button, select, input").forEach((each) => (each.disabled = true));
    tell("network.js is missing; run scripts/live_page, which puts it beside this page.");
    return;
  }
  const count = network.paintings.length;
  const kilobytes = Math.round(network.bytes / 1000);
  const what = count > 1 ? `${count} paintings` : network.paintings[0].title;
  at("about").textContent =
    `${what} in a network of ${kilobytes} KB, run on this device. What you show it stays here.`;
  at("mixing").hidden = at("drift").hidden = count === 1;
  if (count > 1) layOutPaintings();
  listen();
  requestAnimationFrame(tick);
  await openRuntime(await bestKind());
}

open().catch((error) => tell(error.message));
