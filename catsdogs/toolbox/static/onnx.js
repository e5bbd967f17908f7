// ONNX files: which steps are needed for some outputs, and layers and weights that can be changed. Runs in the worker.
//
// ONNX files are protocol buffers: fields, each with a number, a kind and a content. Two messages of the same type are
// joined by writing one behind the other.

const GRAPH = 7; // in a model
export const NODE = 1; // in a graph
const WEIGHT = 5;
const INPUT = 11;
export const OUTPUT = 12;
const NAME_OF = { [WEIGHT]: 8, [INPUT]: 1, [OUTPUT]: 1 }; // which field of theirs is the name
export const [STEP_INPUT, STEP_OUTPUT, STEP_KIND] = [1, 2, 4]; // in a step
const FIXED_LENGTHS = { 1: 8, 5: 4 };

export function readNumber(bytes, at) {
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

function join(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, bytes) => sum + bytes.length, 0));
  let at = 0;
  for (const bytes of pieces) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

const numberField = (number, value) => join([writeNumber(number * 8), writeNumber(value)]);
const field = (number, content) => join([writeNumber(number * 8 + 2), writeNumber(content.length), content]);
const textField = (number, text) => field(number, new TextEncoder().encode(text));

/** The fields of a message: number, all bytes of the field, bytes of its content. */
export function* readFields(bytes) {
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
export function readTexts(bytes, number) {
  const found = [...readFields(bytes)].filter((field) => field.number === number);
  return found.map((field) => new TextDecoder().decode(field.content));
}

/** The steps that `outputs` need, and the names of all that these steps use. */
function neededSteps(fields, outputs) {
  const used = new Set(outputs);
  const steps = new Set();
  for (const field of fields.filter((field) => field.number === NODE).reverse()) {
    const [inputs, results] = [STEP_INPUT, STEP_OUTPUT].map((number) => readTexts(field.content, number));
    if (!results.some((name) => used.has(name))) continue;
    steps.add(field);
    for (const name of inputs) used.add(name);
  }
  return { steps, used };
}

/** An ONNX file with another graph's fields in place of its own. */
export function withGraph(file, fields) {
  const others = [...readFields(file)].filter((part) => part.number !== GRAPH).map((part) => part.whole);
  return join([...others, field(GRAPH, join(fields))]);
}

export const graphFields = (file) => [...readFields([...readFields(file)].find((part) => part.number === GRAPH).content)];

/** An ONNX file with some more steps behind its own, that returns only these outputs and computes nothing else. */
export function selectOutputs(file, more, outputs) {
  const fields = [...graphFields(file), ...readFields(more)];
  const wanted = new Set(outputs);
  const { steps, used } = neededSteps(fields, outputs);
  const isKept = (field) => {
    if (field.number === NODE) return steps.has(field);
    const name = NAME_OF[field.number] && readTexts(field.content, NAME_OF[field.number])[0];
    return !name || (field.number === OUTPUT ? wanted : used).has(name);
  };
  return withGraph(file, fields.filter(isKept).map((field) => field.whole));
}

/** A step, as bytes, that takes or gives something under another name. */
function renamed(step, number, from, to) {
  const { content } = [...readFields(step)][0];
  const isIt = (part) => part.number === number && new TextDecoder().decode(part.content) === from;
  return field(NODE, join([...readFields(content)].map((part) => (isIt(part) ? textField(number, to) : part.whole))));
}

function makeStep(kind, first, second, result) {
  const names = [textField(STEP_INPUT, first), textField(STEP_INPUT, second), textField(STEP_OUTPUT, result)];
  return field(NODE, join([...names, textField(STEP_KIND, kind)]));
}

/** An input of float32 numbers: its name, and its type with the length of each dimension. */
function numbersInput(name, shape) {
  const lengths = shape.map((length) => field(1, numberField(1, length)));
  const type = field(1, join([numberField(1, 1), field(2, join(lengths))]));
  return field(INPUT, join([textField(1, name), field(2, type)]));
}

/** An output of float32 numbers, of whatever shape. */
export function makeOutput(name) {
  const type = field(1, numberField(1, 1));
  return field(OUTPUT, join([textField(1, name), field(2, type)]));
}

/** The name of the input that changes a layer or a weight. */
export const changeInput = (name) => `change/${name}`;

/** A step, with what has to stand before it and behind it: changed layers are multiplied by their input before anything
 * uses them, and to a changed weight its input is added, once (`added`), before its first step. */
function changedStep(step, layers, weights, added) {
  const [inputs, results] = [STEP_INPUT, STEP_OUTPUT].map((number) => readTexts(step.content, number));
  const steps = [];
  const weight = inputs.find((name) => weights.has(name));
  let own = step.whole;
  if (weight) {
    if (!added.has(weight)) steps.push(makeStep("Add", weight, changeInput(weight), `${weight} changed`));
    added.add(weight);
    own = renamed(own, STEP_INPUT, weight, `${weight} changed`);
  }
  const layer = results.find((name) => layers.has(name));
  if (!layer) return [...steps, own];
  own = renamed(own, STEP_OUTPUT, layer, `${layer} by itself`);
  return [...steps, own, makeStep("Mul", `${layer} by itself`, changeInput(layer), layer)];
}

/** An ONNX file whose layers and weights can be changed by inputs of their own: `strengths` of units, and `kernels`. */
export function withChanges(file, { strengths, kernels }) {
  const [layers, weights] = [strengths, kernels].map((all) => new Set(all.map(({ name }) => name)));
  const added = new Set();
  const fields = graphFields(file).flatMap((part) => {
    return part.number === NODE ? changedStep(part, layers, weights, added) : [part.whole];
  });
  const inputs = [...strengths, ...kernels].map(({ name, shape }) => numbersInput(changeInput(name), shape));
  return withGraph(file, [...fields, ...inputs]);
}

// ---- weights

const [DIMENSION, TYPE, NUMBERS] = [1, 2, 9]; // in a weight
const HALF = 10; // the type float16
const UNIT_BY_UNIT = new Set(["Relu", "BatchNormalization", "Clip", "LeakyRelu", "HardSwish", "Sigmoid", "Elu"]);

/** A float16 number, given as its 16 bits. */
function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readDimensions(content) {
  const found = [];
  for (const { number, content: value } of readFields(content)) {
    for (let at = 0; number === DIMENSION && at < value.length; ) {
      const dimension = readNumber(value, at);
      found.push(dimension.value);
      at = dimension.at;
    }
  }
  return found;
}

export function readWeight(fields, name) {
  const names = [name, `${name}.half`];
  const weight = fields.find((field) => field.number === WEIGHT && names.includes(readTexts(field.content, NAME_OF[WEIGHT])[0]));
  if (!weight) return null; // it is computed
  const parts = [...readFields(weight.content)];
  const type = readNumber(parts.find(({ number }) => number === TYPE).content, 0).value;
  const numbers = parts.find(({ number }) => number === NUMBERS);
  if (!numbers) return null; // they are written in another way
  const bytes = numbers.content.slice();
  const data = type === HALF ? Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber) : new Float32Array(bytes.buffer);
  return { name, shape: readDimensions(weight.content), data };
}

/** The kernels that a layer's units have: the weight of the convolution behind it, if only steps stand between that
 * treat each unit by itself; null if there is none. */
export function findKernels(file, layer) {
  const fields = graphFields(file);
  const steps = fields.filter((field) => field.number === NODE);
  for (let name = layer; ; ) {
    const step = steps.find(({ content }) => readTexts(content, STEP_OUTPUT).includes(name));
    if (!step) return null;
    const inputs = readTexts(step.content, STEP_INPUT);
    const kind = readTexts(step.content, STEP_KIND)[0];
    if (kind === "Conv") return readWeight(fields, inputs[1]);
    if (!UNIT_BY_UNIT.has(kind)) return null;
    name = inputs[0];
  }
}
