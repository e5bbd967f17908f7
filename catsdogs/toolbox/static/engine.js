// The worker: it holds the network and runs it on one picture at a time.
// Messages in:  start {script, wasm, graph, ways, table, names}, the first four as compressed bytes;
//               run {id, image, size, names, changes}: some layers of the network as the reader has changed it;
//               kernels {id, name}: the kernels of a layer's units;
//               apart {id, image, size, name}: the steps that make a layer's values, and what the first of them takes:
//               two branches where they are added, and one tensor elsewhere;
//               back {id, image, size, start, seed, rule, outputs}: the way back from a layer
// Messages out: ready; failed {id, message}; result {id, logits, outputs, milliseconds}
//
// A graph that returns every layer cannot join steps that belong together, as a convolution and its ReLU, and is
// slower. So there are several: one that returns the layers named at the start, one that returns every layer, each of
// the two again for every choice of layers and weights that are changed, and one for each way back that somebody asks for.
import { changeInput, findKernels, selectOutputs, withChanges } from "./onnx.js";
import { branchesOf, findRecipe, nearestOutput, outputNames, withOutputs } from "./recipe.js";

let ort = null;
let graphBytes = null;
let wayBytes = null;
let wayTable = {}; // layer → where its way back begins in `wayBytes`, and its length
let startNames = new Set();
const sessions = new Map();
const MOST_SESSIONS = 5;
const UNCHANGED = { strengths: [], kernels: [] };

/** What the way back does at a ReLU: the lowest gradient that may pass, and whether a closed ReLU lets it through. */
const RULES = { gradient: [-3.4e38, 0], guided_backprop: [0, 0], deconvolution: [0, 1] };

async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The bytes that the page keeps in two piles, in their own order: those at even places, and those at odd ones. */
function fromTwoPiles(piles) {
  const bytes = new Uint8Array(piles.length);
  const half = Math.ceil(piles.length / 2);
  for (let i = 0; i < half; i++) bytes[2 * i] = piles[i];
  for (let i = half; i < piles.length; i++) bytes[2 * (i - half) + 1] = piles[i];
  return bytes;
}

/** The session kept under this name, or a new one; of those that were used longest ago, some are let go. */
async function sessionCalled(name, makeBytes) {
  const known = sessions.get(name);
  const session = known ?? (await ort.InferenceSession.create(await makeBytes(), { executionProviders: ["wasm"] }));
  sessions.delete(name);
  sessions.set(name, session);
  for (const old of [...sessions.keys()].slice(0, -MOST_SESSIONS)) {
    await sessions.get(old).release();
    sessions.delete(old);
  }
  return session;
}

/** The session for some layers, in which other layers and weights can be changed. */
function forwardSession(names, changes) {
  const nothing = new Uint8Array();
  const changed = [...changes.strengths, ...changes.kernels];
  const file = () => (changed.length ? withChanges(graphBytes, changes) : graphBytes);
  const isUsual = names.every((name) => startNames.has(name));
  const called = JSON.stringify([isUsual ? "usual" : "full", ...changed.map(({ name }) => name)]);
  return sessionCalled(called, () => (isUsual ? selectOutputs(file(), nothing, [...startNames]) : file()));
}

function backSession(start, outputs) {
  const [from, length] = wayTable[start];
  const way = wayBytes.subarray(from, from + length);
  return sessionCalled(`${start} ${outputs}`, () => selectOutputs(graphBytes, way, outputs));
}

/** Run a session, and send what it found. */
async function answer(id, session, feeds, outputs) {
  const started = performance.now();
  const results = await session.run(feeds, outputs);
  const found = Object.fromEntries(outputs.map((name) => [name, results[name].data]));
  const milliseconds = performance.now() - started;
  const { logits, ...others } = found;
  const buffers = new Set(Object.values(others).map((data) => data.buffer));
  self.postMessage({ type: "result", id, logits, outputs: others, milliseconds }, [...buffers]);
}

// ---- messages

/**
 * Threads need memory that they share. A browser gives it only to a page that its server keeps apart from others.
 * Half of the cores are left to the page itself and to other programs.
 */
function threadsFor(cores) {
  return self.crossOriginIsolated ? Math.min(4, Math.ceil(cores / 2)) : 1;
}

async function start({ script, wasm, graph, ways, table, names, cores }) {
  const address = URL.createObjectURL(new Blob([await unpack(script)], { type: "text/javascript" }));
  ort = await import(address);
  ort.env.wasm.numThreads = threadsFor(cores);
  // more threads are started from the same address
  if (ort.env.wasm.numThreads === 1) URL.revokeObjectURL(address);
  ort.env.wasm.wasmBinary = (await unpack(wasm)).buffer;
  ort.env.logLevel = "error";
  [graphBytes, wayBytes] = [fromTwoPiles(await unpack(graph)), await unpack(ways)];
  wayTable = table;
  startNames = new Set(["logits", ...names]);
  await forwardSession(names, UNCHANGED);
  self.postMessage({ type: "ready", threads: ort.env.wasm.numThreads });
}

async function run({ id, image, size, names, changes }) {
  const session = await forwardSession(names, changes);
  const feeds = { image: new ort.Tensor("float32", image, [1, 3, size, size]) };
  for (const { name, data, shape } of [...changes.strengths, ...changes.kernels]) {
    const input = changeInput(name);
    // A graph that was cut down to some outputs has no input for what leads to none of them.
    if (session.inputNames.includes(input)) feeds[input] = new ort.Tensor("float32", data, shape);
  }
  await answer(id, session, feeds, ["logits", ...names]);
}

async function back({ id, image, size, start, seed, rule, outputs }) {
  const session = await backSession(start, outputs);
  const [lowest, open] = RULES[rule];
  const numbers = {
    image: [image, [1, 3, size, size]],
    seed: [seed.data, seed.shape],
    lowest: [Float32Array.of(lowest), [1]],
    open: [Float32Array.of(open), [1]],
  };
  const feeds = {};
  for (const name of session.inputNames) feeds[name] = new ort.Tensor("float32", ...numbers[name]);
  await answer(id, session, feeds, outputs);
}

function kernels({ id, name }) {
  self.postMessage({ type: "result", id, weight: findKernels(graphBytes, name) });
}

async function apart({ id, image, size, name }) {
  const steps = findRecipe(graphBytes, name);
  if (!steps) return self.postMessage({ type: "result", id, steps });
  const names = branchesOf(steps[0]);
  const known = outputNames(graphBytes);
  const file = () => selectOutputs(withOutputs(graphBytes, names), new Uint8Array(), names);
  const computed = names.filter((input) => input !== "image");
  const isUsual = computed.every((input) => known.has(input));
  const session = await (isUsual ? forwardSession(computed, UNCHANGED) : sessionCalled(`input ${names}`, file));
  const picture = new ort.Tensor("float32", image, [1, 3, size, size]);
  const results = computed.length ? await session.run({ image: picture }, computed) : {};
  const inputs = names.map((input) => {
    const { data, dims } = results[input] ?? picture;
    return { ...nearestOutput(graphBytes, input, known), data, dims };
  });
  self.postMessage({ type: "result", id, steps, inputs });
}

const TASKS = { start, run, kernels, back, apart };

self.onmessage = async ({ data }) => {
  try {
    await TASKS[data.type](data);
  } catch (error) {
    self.postMessage({ type: "failed", id: data.id, message: String(error?.message ?? error) });
  }
};
