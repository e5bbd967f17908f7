// The network as the page sees it: ask about a picture, get logits and layers.
import { hasAsset, readBytes } from "./assets.js";

/** The network, as it answers through `ask(message)`. */
const networkThrough = (ask, size) => ({
  /** Run the network on 3×size×size numbers from 0 to 1; `names` are the layers wanted, `changes` come from a table of changes. */
  run: (image, names, changes = { strengths: [], kernels: [] }) => ask({ type: "run", image, size, names, changes }),
  /** The weight that holds the kernels of a layer's units: name, shape, numbers; null if there is none. */
  kernels: async (name) => (await ask({ type: "kernels", name })).weight,
  /** The steps that make a layer's values (null if they are of other kinds), and what the first of them takes (`inputs`). */
  apart: (image, name) => ask({ type: "apart", image, size, name }),
  /** Go back from a layer (`start`): `seed` says how much of each of its numbers, `rule` what to do at a ReLU. */
  back: (image, start, seed, rule, outputs) => ask({ type: "back", image, size, start, seed, rule, outputs }),
});

/** Start the network in the browser; where that cannot be, Python computes it, and `reason` says why. */
export async function startNetwork(info, names, host) {
  try {
    return await startWorker(info, names);
  } catch (error) {
    if (!host) throw error;
    return { ...networkThrough(host.ask, info.size), reason: error.message };
  }
}

/** Start the worker with what the page carries; `names` are the layers that are asked for most. */
async function startWorker({ size, ways, in_python: why }, names) {
  if (why) throw new Error(why);
  if (!hasAsset("wasm")) throw new Error("the page came without the program that runs networks");
  const code = readBytes("engine");
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  // A page that is opened as a file may start a worker from a blob, but not one that is a module.
  const worker = new Worker(address);
  const waiting = new Map();
  let ready = null;
  const started = new Promise((resolve, reject) => (ready = { resolve, reject }));

  worker.onmessage = ({ data }) => {
    if (data.type === "ready") {
      document.documentElement.dataset.threads = data.threads;
      return ready.resolve();
    }
    const { resolve, reject } = waiting.get(data.id) ?? ready;
    waiting.delete(data.id);
    if (data.type === "failed") reject(new Error(data.message));
    else resolve(data);
  };
  worker.onerror = (event) => {
    const error = new Error(event.message || "the worker could not be started");
    for (const { reject } of [ready, ...waiting.values()]) reject(error);
    waiting.clear();
  };

  const parts = Object.fromEntries(["script", "wasm", "graph", "ways"].map((name) => [name, readBytes(name)]));
  const buffers = Object.values(parts).map((bytes) => bytes.buffer);
  const cores = navigator.hardwareConcurrency;
  worker.postMessage({ type: "start", names, cores, table: ways, ...parts }, buffers);
  await started;

  let last = 0;
  function ask(message) {
    const id = ++last;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...message });
    });
  }
  return networkThrough(ask, size);
}

/** Logits → a probability for each class; one logit z counts as the pair (0, z). */
export function probabilities(logits, temperature) {
  const pair = logits.length === 1 ? [0, logits[0]] : Array.from(logits);
  const scaled = pair.map((z) => z / temperature);
  const top = Math.max(...scaled);
  const powers = scaled.map((z) => Math.exp(z - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
