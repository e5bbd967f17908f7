// The worker: it holds the network and runs it on one picture at a time.
// Messages in:  start {script, wasm, graph, names}, all but the script compressed; run {id, image, size, names}
// Messages out: ready; failed {id, message}; result {id, logits, outputs, milliseconds}
//
// A graph that returns every layer cannot join steps that belong together, as a convolution and its ReLU, and is
// slower. So there are two: one that returns the layers named at the start, and one that returns every layer, which
// is made when somebody asks for another layer.

let ort = null;
let graphBytes = null;
let startNames = new Set();
const sessions = { usual: null, full: null };

async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// ---- ONNX files are protocol buffers: fields, each with a number, a kind and a content

const GRAPH = 7;
const OUTPUT = 12;
const NAME = 1;
const FIXED_LENGTHS = { 1: 8, 5: 4 };

function readNumber(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * factor;
    if (byte < 128) return { value, at };
  }
}

function writeNumber(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Uint8Array.from([...bytes, value]);
}

/** The fields of a message: number, all bytes of the field, bytes of its content. */
function* readFields(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const tag = readNumber(bytes, at);
    const kind = tag.value % 8;
    let start = tag.at;
    let end = start + (FIXED_LENGTHS[kind] ?? 0);
    if (kind === 0) end = readNumber(bytes, start).at;
    if (kind === 2) {
      const length = readNumber(bytes, start);
      start = length.at;
      end = start + length.value;
    }
    yield { number: Math.floor(tag.value / 8), whole: bytes.subarray(at, end), content: bytes.subarray(start, end) };
    at = end;
  }
}

function isKept(field, names) {
  if (field.number !== OUTPUT) return true;
  const name = [...readFields(field.content)].find((part) => part.number === NAME);
  return names.has(new TextDecoder().decode(name.content));
}

/** An ONNX file that returns only some of its outputs. */
function keepOutputs(bytes, names) {
  const pieces = [];
  for (const field of readFields(bytes)) {
    if (field.number !== GRAPH) {
      pieces.push(field.whole);
      continue;
    }
    const kept = [...readFields(field.content)].filter((part) => isKept(part, names)).map((part) => part.whole);
    const length = kept.reduce((sum, part) => sum + part.length, 0);
    pieces.push(writeNumber(GRAPH * 8 + 2), writeNumber(length), ...kept);
  }
  return new Blob(pieces).arrayBuffer();
}

// ---- messages

function makeSession(bytes) {
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
}

async function start({ script, wasm, graph, names }) {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await unpack(wasm)).buffer;
  ort.env.logLevel = "error";
  graphBytes = await unpack(graph);
  startNames = new Set(["logits", ...names]);
  sessions.usual = await makeSession(new Uint8Array(await keepOutputs(graphBytes, startNames)));
  self.postMessage({ type: "ready" });
}

async function sessionFor(names) {
  if (names.every((name) => startNames.has(name))) return sessions.usual;
  sessions.full ??= await makeSession(graphBytes);
  return sessions.full;
}

async function run({ id, image, size, names }) {
  const session = await sessionFor(names);
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
