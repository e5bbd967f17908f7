// Sliders for the settings of a convolution. It is computed here, because there are too many settings to send the results.
// `data` holds `pictures` (one for each size from 1), `kernels` (kind → one for each size from 1), `least` (the smallest value of each setting),
// `reasons` (name → why a setting is impossible, the sentences of `output_size`) and `controls` (HTML).

const WINDOW = "#d55e00", PICTURE = "#0072b2";

function refuse(data, reason, given) {
  throw new Error(data.reasons[reason].replace(/{(\w+)}/g, (_, name) => given[name]));
}

function outputSize(data, settings) {
  for (const name of Object.keys(data.least)) if (settings[name] < data.least[name]) refuse(data, name, settings);
  const extent = settings.dilation * (settings.kernel - 1) + 1, padded = settings.size + 2 * settings.padding;
  if (extent > padded) refuse(data, "fit", { ...settings, extent, padded });
  return Math.floor((padded - extent) / settings.stride) + 1;
}

function pad(picture, settings) {
  // Rows and columns outside the picture are zero, or mirrored at its first and last pixel.
  const last = settings.size - 1, side = [...Array(settings.size + 2 * settings.padding).keys()];
  const from = (i) => (settings.mode === "reflect" ? last - Math.abs(last - Math.abs(i - settings.padding)) : i - settings.padding);
  return side.map((row) => side.map((column) => (picture[from(row)] ?? [])[from(column)] ?? 0));
}

function convolve(data, settings) {
  const places = outputSize(data, settings), side = [...Array(places).keys()];
  if (settings.mode === "reflect" && settings.padding >= settings.size) refuse(data, "reflect", { ...settings, most: settings.size - 1 });
  const weights = data.kernels[settings.what][settings.kernel - 1], input = pad(data.pictures[settings.size - 1], settings);
  function sum(row, column) {
    const top = row * settings.stride, left = column * settings.stride;
    let total = 0;
    weights.forEach((line, i) => line.forEach((weight, j) => { total += weight * input[top + i * settings.dilation][left + j * settings.dilation]; }));
    return total;
  }
  return { places, input, result: side.map((row) => side.map((column) => sum(row, column))) };
}

function grey(value) {
  const tone = Math.round(255 * Math.max(0, Math.min(1, value)));
  return `rgb(${tone},${tone},${tone})`;
}

function paint(canvas, values, tone) {
  // Returns a function that frames `cells`×`cells` of them.
  const context = canvas.getContext("2d"), cell = canvas.width / values.length;
  context.clearRect(0, 0, canvas.width, canvas.height);
  values.forEach((line, row) => line.forEach((value, column) => {
    context.fillStyle = tone(value);
    context.fillRect(column * cell, row * cell, cell + .5, cell + .5);
  }));
  return (row, column, color, width, cells = 1) => {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(column * cell + width / 2, row * cell + width / 2, cells * cell - width, cells * cell - width);
  };
}

function sentence(settings, shown, at) {
  const { size, padding, dilation, kernel, stride } = settings, extent = dilation * (kernel - 1) + 1;
  const unseen = (shown.input.length - extent) % stride, rows = unseen === 1 ? "row and column" : `${unseen} rows and columns`;
  const value = shown.result[at.row][at.column].toFixed(3);
  const parts = [`⌊(${size} + 2·${padding} − ${dilation}·(${kernel} − 1) − 1) / ${stride}⌋ + 1 = ${shown.places}. Row ${at.row}, column ${at.column}: ${value}.`];
  if (unseen) parts.push(`The last ${rows} of the padded input are seen by no window.`);
  if (dilation > 1 && kernel > 1) parts.push(`The window spans ${extent}×${extent}.`);
  return parts.join(" ");
}

function start(root, data) {
  root.querySelector(".cd-static").remove();
  root.insertAdjacentHTML("beforeend", data.controls);
  const find = (selector) => root.querySelector(selector), knobs = [...root.querySelectorAll("input")], choices = [...root.querySelectorAll("select")];
  const [left, right] = root.querySelectorAll("canvas"), say = find(".cd-say");
  const settings = {}, at = { row: 0, column: 0 };
  let shown = null;     // what is on the screen; null while the settings are impossible

  function moveTo(row, column) {
    const inside = (place) => Math.max(0, Math.min(shown.places - 1, place));
    at.row = inside(row);
    at.column = inside(column);
    draw();
  }
  function draw() {
    const { size, padding, kernel, stride, dilation } = settings, values = shown.result.flat();
    const signed = Math.min(...values) < -1e-9, top = Math.max(...values.map(Math.abs), 1e-9);
    const frame = paint(left, shown.input, grey);
    if (padding) frame(padding, padding, PICTURE, 3, size);
    for (let i = 0; i < kernel; i++) for (let j = 0; j < kernel; j++) frame(at.row * stride + i * dilation, at.column * stride + j * dilation, WINDOW, 3);
    paint(right, shown.result, signed ? (value) => grey(.5 + value / top / 2) : grey)(at.row, at.column, WINDOW, 4);
    const padded = shown.input.length;
    find(".cd-left").textContent = `input ${size}×${size}` + (padding ? ` + padding = ${padded}×${padded}` : "");
    find(".cd-right").textContent = `result ${shown.places}×${shown.places}`;
    say.className = "cd-say";
    say.textContent = sentence(settings, shown, at);
  }
  function drawImpossible(error) {
    say.className = "cd-say cd-bad";
    say.textContent = "Not possible: " + error.message;
    right.getContext("2d").clearRect(0, 0, right.width, right.height);
    paint(left, data.pictures[settings.size - 1], grey);
    find(".cd-left").textContent = `input ${settings.size}×${settings.size}`;
    find(".cd-right").textContent = "no result";
  }
  function update() {
    for (const knob of knobs) {
      settings[knob.name] = Number(knob.value);
      knob.nextElementSibling.textContent = knob.value.replace("-", "−");
    }
    for (const choice of choices) settings[choice.name] = choice.value;
    try {
      shown = convolve(data, settings);
    } catch (error) {
      shown = null;
      root.answer = { error: error.message };
      drawImpossible(error);
      return;
    }
    root.answer = { n: shown.places, result: shown.result };
    moveTo(at.row, at.column);
  }
  function point(event) {
    if (!shown) return;
    const box = right.getBoundingClientRect();
    moveTo(Math.floor((event.clientY - box.top) / box.height * shown.places), Math.floor((event.clientX - box.left) / box.width * shown.places));
  }
  right.onpointermove = right.onpointerdown = point;
  right.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || !shown) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(at.row + step[0], at.column + step[1]);
  };
  for (const control of [...knobs, ...choices]) control.oninput = update;
  update();
}
