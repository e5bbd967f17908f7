// How a layer's values are made: the convolution, pooling or sum of two branches behind them, and the steps after it that
// treat each unit by itself. Runs in the worker.
import { graphFields, makeOutput, readFields, readNumber, readTexts, readWeight, withGraph } from "./onnx.js";
import { NODE, OUTPUT, STEP_INPUT, STEP_KIND, STEP_OUTPUT } from "./onnx.js";

const OPTION = 5; // in a step
const [OPTION_NAME, OPTION_FLOAT, OPTION_WHOLE, OPTION_WHOLES] = [1, 2, 3, 8];
const FIRST = new Set(["Conv", "MaxPool", "AveragePool", "Add"]);
const AFTER = new Set(["Relu", "BatchNormalization"]);

const signed = (number) => (number >= 2 ** 63 ? number - 2 ** 64 : number);

/** The numbers that an option of a step holds: one, or a list. */
function readOption(content) {
  const wholes = [];
  let single = null;
  for (const { number, content: value } of readFields(content)) {
    if (number === OPTION_FLOAT) single = new DataView(value.slice().buffer).getFloat32(0, true);
    if (number === OPTION_WHOLE) single = signed(readNumber(value, 0).value);
    for (let at = 0; number === OPTION_WHOLES && at < value.length; ) {
      const whole = readNumber(value, at);
      wholes.push(signed(whole.value));
      at = whole.at;
    }
  }
  return single ?? wholes;
}

/** The options of a step by name. */
function readOptions(step) {
  const options = [...readFields(step)].filter(({ number }) => number === OPTION);
  return Object.fromEntries(options.map(({ content }) => [readTexts(content, OPTION_NAME)[0], readOption(content)]));
}

function readStep({ content }) {
  const [kind] = readTexts(content, STEP_KIND);
  return { kind, inputs: readTexts(content, STEP_INPUT), output: readTexts(content, STEP_OUTPUT)[0], options: readOptions(content) };
}

/** What a step takes that is not a weight: two branches where they are added, and one tensor elsewhere. */
export const branchesOf = ({ kind, inputs }) => (kind === "Add" ? inputs : inputs.slice(0, 1));

/** The steps that make a layer's values, from the convolution, pooling or sum on; null if another step comes between. */
export function findRecipe(file, layer) {
  const fields = graphFields(file);
  const all = fields.filter(({ number }) => number === NODE).map(readStep);
  const steps = [];
  for (let name = layer; ; ) {
    const step = all.find(({ output }) => output === name);
    if (!step || !(FIRST.has(step.kind) || AFTER.has(step.kind))) return null;
    if (step.kind === "Add" && step.inputs.some((input) => !all.some(({ output }) => output === input))) return null;
    const weights = step.inputs.slice(branchesOf(step).length).map((input) => readWeight(fields, input));
    if (weights.some((weight) => weight === null)) return null;
    steps.unshift({ ...step, weights });
    if (FIRST.has(step.kind)) return steps;
    name = step.inputs[0];
  }
}

/** The output of the graph from which a tensor comes by steps that treat each unit by itself: its name, and the kinds of
 * these steps in their order. */
export function nearestOutput(file, tensor, known) {
  const all = graphFields(file).filter(({ number }) => number === NODE).map(readStep);
  const after = [];
  for (let name = tensor; ; ) {
    const step = all.find(({ output }) => output === name);
    if (known.has(name) || !AFTER.has(step?.kind)) return { name, after };
    after.unshift(step.kind);
    name = step.inputs[0];
  }
}

/** The names of all that a graph returns. */
export function outputNames(file) {
  const outputs = graphFields(file).filter(({ number }) => number === OUTPUT);
  return new Set(outputs.map(({ content }) => readTexts(content, 1)[0]));
}

/** An ONNX file that can return these tensors, too. */
export function withOutputs(file, names) {
  const fields = graphFields(file).map((part) => part.whole);
  return withGraph(file, [...fields, ...names.map(makeOutput)]);
}
