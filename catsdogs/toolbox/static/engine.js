// The worker: it holds the network and runs it on one picture at a time.
// Messages in:  start {script, wasm, graph}, all compressed but the script; run {id, image, size, names}
// Messages out: ready; failed {message}; result {id, logits, outputs, milliseconds}

let ort = null;
let session = null;

async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start({ script, wasm, graph }) {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await unpack(wasm)).buffer;
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(await unpack(graph), { executionProviders: ["wasm"] });
  self.postMessage({ type: "ready" });
}

async function run({ id, image, size, names }) {
  const started = performance.now();
  const input = new ort.Tensor("float32", image, [1, 3, size, size]);
  const results = await session.run({ image: input }, ["logits", ...names]);
  const outputs = {};
  for (const name of names) outputs[name] = results[name].data;
  const logits = results.logits.data;
  const milliseconds = performance.now() - started;
  const buffers = new Set(Object.values(outputs).map((data) => data.buffer));
  self.postMessage({ type: "result", id, logits, outputs, milliseconds }, [...buffers]);
}

const TASKS = { start, run };

self.onmessage = async ({ data }) => {
  try {
    await TASKS[data.type](data);
  } catch (error) {
    self.postMessage({ type: "failed", id: data.id, message: String(error?.message ?? error) });
  }
};
