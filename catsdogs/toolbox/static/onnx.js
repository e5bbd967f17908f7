// ONNX files: which steps are needed for some outputs. Runs in the worker.
//
// ONNX files are protocol buffers: fields, each with a number, a kind and a content. Two messages of the same type are
// joined by writing one behind the other.

const GRAPH = 7; // in a model
const NODE = 1; // in a graph
const WEIGHT = 5;
const INPUT = 11;
const OUTPUT = 12;
const NAME_OF = { [WEIGHT]: 8, [INPUT]: 1, [OUTPUT]: 1 }; // which field of theirs is the name
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

/** The texts that a message holds in fields of this number. */
function readTexts(bytes, number) {
  const found = [...readFields(bytes)].filter((field) => field.number === number);
  return found.map((field) => new TextDecoder().decode(field.content));
}

/** The steps that `outputs` need, and the names of all that these steps use. */
function neededSteps(fields, outputs) {
  const used = new Set(outputs);
  const steps = new Set();
  for (const field of fields.filter((field) => field.number === NODE).reverse()) {
    const [inputs, results] = [1, 2].map((number) => readTexts(field.content, number));
    if (!results.some((name) => used.has(name))) continue;
    steps.add(field);
    for (const name of inputs) used.add(name);
  }
  return { steps, used };
}

/** An ONNX file with some more steps behind its own, that returns only these outputs and computes nothing else. */
export async function selectOutputs(file, more, outputs) {
  const parts = [...readFields(file)];
  const graph = parts.find((part) => part.number === GRAPH);
  const fields = [...readFields(graph.content), ...readFields(more)];
  const wanted = new Set(outputs);
  const { steps, used } = neededSteps(fields, outputs);
  const isKept = (field) => {
    if (field.number === NODE) return steps.has(field);
    const name = NAME_OF[field.number] && readTexts(field.content, NAME_OF[field.number])[0];
    return !name || (field.number === OUTPUT ? wanted : used).has(name);
  };
  const kept = fields.filter(isKept).map((field) => field.whole);
  const length = kept.reduce((sum, bytes) => sum + bytes.length, 0);
  const others = parts.filter((part) => part !== graph).map((part) => part.whole);
  const whole = new Blob([...others, writeNumber(GRAPH * 8 + 2), writeNumber(length), ...kept]);
  return new Uint8Array(await whole.arrayBuffer());
}
