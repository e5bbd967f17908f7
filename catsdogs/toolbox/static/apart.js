// One value of a unit taken apart: window × kernel, summed over the channels, the bias, and the steps that follow. Where
// two branches of the network meet: what comes from each of them, and their sum.

const orElse = (numbers, fallback) => (numbers?.length ? numbers : fallback);

/** The values of one channel in the window of a place; null stands for the padding around the maps, and undefined for
 * what lies beyond it, where the last window of a pooling may reach. */
function readWindow({ data, dims }, channel, place, { kernel_shape, strides, pads, dilations }) {
  const [, , height, width] = dims;
  const [down, across] = orElse(strides, [1, 1]);
  const [above, left, below, right] = orElse(pads, [0, 0, 0, 0]);
  const [stepDown, stepAcross] = orElse(dilations, [1, 1]);
  const values = [];
  for (let i = 0; i < kernel_shape[0]; i++) {
    const row = place.row * down - above + i * stepDown;
    for (let k = 0; k < kernel_shape[1]; k++) {
      const column = place.column * across - left + k * stepAcross;
      const isInside = row >= 0 && row < height && column >= 0 && column < width;
      const outside = row < height + below && column < width + right ? null : undefined;
      values.push(isInside ? data[(channel * height + row) * width + column] : outside);
    }
  }
  return values;
}

const STEP_NAMES = { Relu: "ReLU", BatchNormalization: "batch norm" };

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);

/** Window × kernel for each channel that the unit sees. */
function convolve(step, input, unit, place) {
  const [weight, bias] = step.weights;
  const [units, channels, rows, columns] = weight.shape;
  const length = rows * columns;
  const first = Math.floor(unit / (units / (step.options.group ?? 1))) * channels;
  const options = { ...step.options, kernel_shape: [rows, columns] };
  const parts = Array.from({ length: channels }, (_, i) => {
    const from = (unit * channels + i) * length;
    const kernel = Array.from(weight.data.subarray(from, from + length));
    const window = readWindow(input, first + i, place, options);
    return { channel: first + i, columns, window, kernel, sum: sumOf(window.map((value, k) => (value ?? 0) * kernel[k])) };
  });
  const sum = sumOf(parts.map((part) => part.sum));
  const added = bias ? bias.data[unit] : 0;
  return { parts, sum, bias: added, value: sum + added };
}

function pool(step, input, unit, place) {
  const window = readWindow(input, unit, place, step.options);
  const inside = window.filter((value) => Number.isFinite(value));
  const counted = step.options.count_include_pad ? window.filter((value) => value !== undefined).length : inside.length;
  const value = step.kind === "MaxPool" ? Math.max(...inside) : sumOf(inside) / counted;
  return { window, columns: step.options.kernel_shape[1], pooled: value, value };
}

/** Batch norm as a factor and a number that is added. */
function normFactors(step, unit) {
  const [scale, shift, mean, variance] = step.weights.map(({ data }) => data[unit]);
  const factor = scale / Math.sqrt(variance + (step.options.epsilon ?? 1e-5));
  return { factor, added: shift - mean * factor };
}

/** What the branches of a sum give for one place; a branch of one number for each unit gives it everywhere. */
function addBranches(inputs, unit, place) {
  const summands = inputs.map(({ name, after, data, dims: [, , height, width] }) => {
    const at = height * width === 1 ? 0 : place.row * width + place.column;
    return { name, after: after.map((kind) => STEP_NAMES[kind]), value: data[unit * height * width + at] };
  });
  return { summands, value: sumOf(summands.map(({ value }) => value)) };
}

function firstStep(step, inputs, unit, place) {
  if (step.kind === "Add") return addBranches(inputs, unit, place);
  return step.kind === "Conv" ? convolve(step, inputs[0], unit, place) : pool(step, inputs[0], unit, place);
}

/** A value of `unit` at `place` from the steps that make it (`steps`) and what the first of them takes (`inputs`). */
export function takeApart({ steps, inputs }, unit, place) {
  const [first, ...others] = steps;
  const start = firstStep(first, inputs, unit, place);
  let { value } = start;
  const after = others.map((step) => {
    if (step.kind === "Relu") return { kind: "ReLU", value: (value = Math.max(value, 0)) };
    const { factor, added } = normFactors(step, unit);
    value = value * factor + added;
    return { kind: `batch norm: × ${short(factor)} ${plus(added)}`, value };
  });
  return { kind: first.kind, ...start, after, value };
}

// ---- on the screen

const short = (number) => (Math.abs(number) < 0.0005 ? "0" : String(Number(number.toPrecision(3))));
const plus = (number) => (number < 0 ? `− ${short(-number)}` : `+ ${short(number)}`);
const channelTitle = (channel, isPicture) => (isPicture ? ["red", "green", "blue"][channel] : `channel ${channel}`);

/** A number of a table whose largest is `most`, short enough for its cell. */
function cellText(value, most) {
  if (!Number.isFinite(value)) return "·";
  const text = value.toFixed(most < 1 ? 2 : 1);
  return Number(text) === 0 ? "0" : text;
}

/** Numbers as a small table, in colours: orange above 0 and blue below. What lies outside the picture is a dot. */
function numberTable(values, columns, most) {
  const table = document.createElement("table");
  for (let at = 0; at < values.length; at += columns) {
    const line = table.insertRow();
    for (const value of values.slice(at, at + columns)) {
      const cell = line.insertCell();
      const strength = Math.round((70 * Math.abs(value ?? 0)) / most);
      cell.textContent = columns > 3 ? "" : cellText(value, most);
      cell.title = !Number.isFinite(value) ? "outside: counts as 0" : short(value);
      cell.style.backgroundColor = `color-mix(in srgb, ${value < 0 ? "#2166ac" : "#d6604d"} ${strength}%, var(--panel))`;
    }
  }
  return table;
}

const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 1e-6);

/** A line of a text, or of texts and elements, and a number. */
function addLine(holder, text, value) {
  const line = document.createElement("div");
  const words = document.createElement("span");
  const number = document.createElement("output");
  line.className = "step";
  number.textContent = short(value);
  words.append(...[text].flat());
  line.append(words, number);
  holder.append(line);
}

const MOST_CHANNELS = 3;

function showConvolution(holder, { parts, sum, bias }, isPicture) {
  const order = [...parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, MOST_CHANNELS);
  const most = { window: largest(order.flatMap((part) => part.window)), kernel: largest(order.flatMap((part) => part.kernel)) };
  for (const { channel, columns, window, kernel, sum: own } of order) {
    const pair = document.createElement("div");
    pair.className = "product";
    pair.append(numberTable(window, columns, most.window), "×", numberTable(kernel, columns, most.kernel));
    addLine(holder, channelTitle(channel, isPicture), own);
    holder.append(pair);
  }
  const others = parts.length - order.length;
  if (others) addLine(holder, `the other ${others} channels`, sum - sumOf(order.map((part) => part.sum)));
  addLine(holder, "sum of all channels", sum);
  if (bias) addLine(holder, `bias ${plus(bias)}`, sum + bias);
}

/** A name in a line of its own; a layer of the page can be gone to. */
function branchName(name, onLayer) {
  if (!onLayer(name)) return "another branch";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.title = `go to layer ${name}, to see how this number is made`;
  button.addEventListener("click", onLayer(name));
  return button;
}

function showSum(holder, { summands }, onLayer) {
  summands.forEach(({ name, after, value }, i) => {
    const then = after.length ? `, then ${after.join(", ")}` : "";
    addLine(holder, [i ? "plus " : "from ", branchName(name, onLayer), then], value);
  });
  addLine(holder, "sum of the two branches", sumOf(summands.map(({ value }) => value)));
}

/** Fill `holder` with the steps; `isPicture` says whether the first of them takes the picture itself, and `onLayer` gives
 * for a name what leads to that layer, or null if the page does not show it. */
export function showApart(holder, result, isPicture, onLayer) {
  holder.replaceChildren();
  if (result.kind === "Conv") showConvolution(holder, result, isPicture);
  else if (result.kind === "Add") showSum(holder, result, onLayer);
  else {
    holder.append(numberTable(result.window, result.columns, largest(result.window)));
    addLine(holder, result.kind === "MaxPool" ? "the largest" : "their mean", result.pooled);
  }
  for (const { kind, value } of result.after) addLine(holder, kind, value);
}
