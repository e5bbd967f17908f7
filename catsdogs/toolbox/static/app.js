// The page: what is chosen, what is computed for it, what is drawn.
import { part, readTable } from "./assets.js";
import { probabilities, startNetwork } from "./network.js";
import { findHost } from "./host.js";
import { unitRanges } from "./color.js";
import { drawMap } from "./draw.js";
import { seenRectangle, strongestPlace } from "./geometry.js";
import { fitPicture, fromSource, mirrored, readNumbers, toSource } from "./input.js";
import { ARROWS, isForPage } from "./keys.js";
import { listenToFiles, makePictures } from "./pictures.js";
import { makeStrip } from "./strip.js";
import { makeGrid } from "./grid.js";
import { makeStage } from "./stage.js";
import { makeRate } from "./rate.js";
import { makeAnswer } from "./answer.js";
import { makeTopImages, partText, readFacts } from "./units.js";
import { makeChanges, strengthText } from "./changes.js";
import { makeKernel } from "./kernel.js";
import { showApart, takeApart } from "./apart.js";
import { drawScreen, pythonCode, saveCanvas, showCode, startCodeDialog } from "./share.js";
import { answeredClass, askWay, needsWay, possibleViews } from "./ways.js";

const info = readTable("bundle");
const layers = new Map(info.layers.map((layer) => [layer.name, layer]));
const size = info.size;
// The page around this one, where two networks are compared (compare.js); null where there is one network.
const around = info.which === undefined ? null : parent.comparison.placeFor(info.which);
const host = around ? around.host : findHost(info.host, (isLate) => (part("late").textContent = lateText(host, isLate)));

// What the reader has chosen. `wanted` is the unit's number; a smaller layer shows its last unit instead.
const state = { layer: null, wanted: 0, holding: true, place: null, perLayer: false, view: "map", every: false, hiding: false };
// The newest picture: when it came (`fresh`, 0 if it has been computed), and which part of it is in the square (`fitting`).
const source = { fresh: 0, name: "", fitting: null };
// What is computed: at most one picture at a time. Pictures that come meanwhile replace each other.
// `back` is the newest way back, with the choice that it was made for, and `apart` the steps of the newest layer.
const work = { network: null, busy: false, numbers: null, outputs: {}, logits: null, back: null, apart: null };
// What is known of the units beside this picture; null until it has been unpacked.
let facts = null;

// The newest picture before and after parts of it are hidden, what hides them, and the picture that the numbers on
// the screen belong to.
const whole = Object.assign(document.createElement("canvas"), { width: size, height: size });
const cover = Object.assign(document.createElement("canvas"), { width: size, height: size });
const picture = Object.assign(document.createElement("canvas"), { width: size, height: size });
const computed = Object.assign(document.createElement("canvas"), { width: size, height: size });
const strip = makeStrip(part("strip"), info.layers, chooseLayer);
const grid = makeGrid(part("grid"), chooseUnit);
const stage = makeStage(part("stage"), size, choosePoint);
const topImages = makeTopImages(part("tops"), size, (image, name) => pictures.show(image, name));
const rate = makeRate(document.documentElement);
const answer = around ? around.answer : makeAnswer(part("answer"), info.classes);
const pictures = around
  ? around.pictures
  : makePictures({ host, give: takeIn, isBusy: () => work.busy, say, onLive: () => rate.reset() });
const changes = makeChanges(layers);
const kernelEditor = makeKernel(part("kernel"), setKernel);
// Layer → the weight with its kernels; null where there is none.
const weights = new Map();

const chosenLayer = () => layers.get(state.layer);
const chosenUnit = () => Math.min(state.wanted, chosenLayer().shape[0] - 1);
const shownLayers = () => info.layers.filter((layer) => state.every || layer.main || layer.name === state.layer);

// ---- computing

function say(text) {
  part("message").textContent = text;
}

/** Compute the newest picture, unless the network is busy: then this picture is dropped, or taken up when it is free. */
async function compute() {
  if (work.busy || !work.network || !source.fresh) return;
  work.busy = true;
  const came = source.fresh;
  source.fresh = 0;
  const numbers = readNumbers(picture, size);
  work.numbers = numbers;
  try {
    const names = new Set([...strip.names(), state.layer]);
    const result = await work.network.run(numbers, [...names], changes.list());
    accept(result);
    await goBack(numbers);
    await askSteps(numbers);
    work.busy = false;
    rate.add(performance.now() - came, result.milliseconds);
    around?.computed(performance.now() - came, result.milliseconds);
    pictures.giveFrame();
    compute();
    draw();
    showRate();
    if (!pictures.isLive() && !source.fresh && !work.busy) await settle(numbers, result.logits);
  } catch (error) {
    work.busy = false;
    say(`The network could not be computed: ${error.message}`);
  }
}

/** Take the way back from the chosen unit, if it is to be seen. */
async function goBack(numbers) {
  const chosen = chosenThing();
  if (!chosen || !needsWay(chosen.view)) return;
  const data = await askWay(work.network, numbers, chosen.view, chosen, work.logits);
  work.back = { data, numbers, choice: choiceOf(chosen) };
}

/** Ask how the chosen layer's values are made, if that is to be seen. */
async function askSteps(numbers) {
  if (!part("apart").open || !canTakeApart()) return;
  const name = state.layer;
  const { steps, inputs } = await work.network.apart(numbers, name);
  work.apart = { name, numbers, steps, inputs };
}

// Python is not asked for steps, and the steps in the graph are those of the network as it is.
const canTakeApart = () => !work.network.reason && !changes.count();

/** The chosen value step by step; null if that is not known. */
function chosenSteps() {
  const chosen = chosenThing();
  const { apart } = work;
  if (!chosen || !apart?.steps || apart.numbers !== work.numbers || apart.name !== chosen.layer.name || !canTakeApart()) return null;
  return takeApart(apart, chosen.unit, chosen.place);
}

function showSteps() {
  const steps = chosenSteps();
  const isKnown = work.apart?.name === state.layer && work.apart.steps === null;
  part("apart-note").textContent = changes.count() ? "Not while units are changed."
    : isKnown ? "Another kind of step makes these values, such as a product of two branches." : "";
  const onLayer = (name) => (layers.has(name) ? () => chooseLayer(name, state.place ?? chosenThing().place) : null);
  if (steps) showApart(part("steps"), steps, work.apart.steps[0].inputs[0] === "image", onLayer);
  else part("steps").replaceChildren();
}

/** What a way back depends on, beside the picture. */
const choiceOf = ({ view, layer, unit, place }) => JSON.stringify([view, layer.name, unit, place]);

function accept({ logits, outputs }) {
  work.outputs = {};
  work.logits = logits;
  for (const [name, data] of Object.entries(outputs)) {
    work.outputs[name] = { data, ranges: unitRanges(data, layers.get(name).shape[0]) };
  }
  computed.getContext("2d").drawImage(picture, 0, 0);
  answer.show(probabilities(logits, info.temperature));
  if (!changes.count()) answer.compare(null);
  document.documentElement.dataset.pictures = Number(document.documentElement.dataset.pictures ?? 0) + 1;
}

/** For a picture that stays: the whole answer, and beside it that of the network as it was before it was changed. */
async function settle(numbers, logits) {
  work.busy = true;
  const likely = await wholeAnswer(numbers, logits, changes.list());
  const before = changes.count() ? await wholeAnswer(numbers, null) : null;
  work.busy = false;
  if (source.fresh) return compute();
  answer.show(likely);
  answer.compare(before);
  tellAnswer();
}

/** Probabilities for a picture; its mirror image counts too, if the network is used that way. */
async function wholeAnswer(numbers, logits, changed) {
  const seen = logits ?? (await work.network.run(numbers, [], changed)).logits;
  if (!info.mirror) return probabilities(seen, info.temperature);
  const other = await work.network.run(mirrored(numbers, size), [], changed);
  const mean = Array.from(seen, (z, i) => (z + other.logits[i]) / 2);
  return probabilities(mean, info.temperature);
}

/** For screen readers: the answer to a picture that stays, as a sentence. */
function tellAnswer() {
  part("spoken").textContent = `${source.name}: ${answer.words()}`;
  document.documentElement.dataset.settled = source.name;
  around?.settled(source.name);
}

// ---- drawing

function chosenThing() {
  const layer = chosenLayer();
  const output = work.outputs[state.layer];
  if (!state.holding || !output) return null;
  const unit = chosenUnit();
  const [, height, width] = layer.shape;
  const values = output.data.subarray(unit * height * width, (unit + 1) * height * width);
  const place = state.place ?? strongestPlace(values, width, layer.signed);
  const view = viewsOf(layer).includes(state.view) ? state.view : "map";
  const chosen = { layer, output, unit, values, place, view, perLayer: state.perLayer };
  const isCurrent = work.back?.numbers === work.numbers && work.back.choice === choiceOf(chosen);
  return { ...chosen, back: isCurrent ? work.back.data : null };
}

/** What the reader has chosen, as another network can follow it. */
const choiceNow = () => JSON.stringify({ ...state, hiding: undefined });

/** Choose what has been chosen in the other network. */
function follow(choice) {
  const isOther = choice.layer !== state.layer || choice.every !== state.every;
  Object.assign(state, choice);
  for (const name of ["perLayer", "every"]) part(name).setAttribute("aria-pressed", String(state[name]));
  around.chosen(choiceNow());
  if (isOther) return chooseLayer(choice.layer, choice.place);
  grid.mark(state.holding ? chosenUnit() : -1);
  update();
}

function draw() {
  around?.chosen(choiceNow());
  const output = work.outputs[state.layer];
  strip.draw(work.outputs, state.perLayer);
  if (output) grid.draw(output, state.perLayer);
  const chosen = chosenThing();
  stage.draw(computed, chosen);
  showUnit(chosen);
}

/** Draw what has been chosen, and compute the way back to it, if that is to be seen. */
function update() {
  draw();
  const isMissing = part("apart").open && work.apart?.name !== state.layer;
  if ((needsWay(chosenThing()?.view) || isMissing) && work.network) newPicture();
}

function showUnit(chosen) {
  part("unit").classList.toggle("empty", !chosen);
  if (!chosen) return;
  const { layer, output, unit, values, place } = chosen;
  const [, height, width] = layer.shape;
  drawMap(part("map"), layer, output, unit, state.perLayer, false);
  part("unit-name").textContent = `${layer.name}, unit ${unit}`;
  const value = values[place.row * width + place.column];
  const where = height > 1 ? `row ${place.row}, column ${place.column}` : "its one value";
  const seen = seenRectangle(layer, size, place);
  part("value").textContent = value.toPrecision(3);
  part("where").textContent = state.place ? where : `${where} (strongest)`;
  part("range").textContent = `${output.ranges.low[unit].toPrecision(3)} to ${output.ranges.high[unit].toPrecision(3)}`;
  part("sees").textContent = layer.field ? `${seen.height}×${seen.width} of ${size}×${size} pixels` : "the whole picture";
  const cross = part("cross");
  cross.hidden = height * width === 1;
  cross.style.left = `${((place.column + 0.5) / width) * 100}%`;
  cross.style.top = `${((place.row + 0.5) / height) * 100}%`;
  showView(chosen);
  showFacts(layer, unit);
  showStrength(layer, unit);
  part("apart").hidden = Boolean(work.network?.reason);
  if (part("apart").open) showSteps();
}

/** How strong the chosen unit has been made, and its kernel. */
function showStrength(layer, unit) {
  const strength = changes.strength(layer.name, unit);
  const weight = weights.get(layer.name);
  part("strength").value = strength;
  part("strength-value").textContent = strengthText(strength);
  part("switch-off").setAttribute("aria-pressed", String(strength === 0));
  part("strength").disabled = part("switch-off").disabled = !layer.leads_on;
  kernelEditor.show(weight, unit, weight && changes.kernel(weight, unit));
}

/** Mark the changed units and layers, and say how many there are. */
function showChanges() {
  const count = changes.count();
  const textOf = (unit) => {
    const strength = changes.strength(state.layer, unit);
    if (strength !== 1) return strengthText(strength);
    return changes.hasKernel(weights.get(state.layer), unit) ? "kernel" : "";
  };
  grid.label(textOf);
  strip.label(info.layers.map(({ name }) => name).filter((name) => changes.isChanged(name, weights.get(name))));
  part("changes").hidden = !count;
  part("changes-text").textContent = `${count} ${count > 1 ? "changes" : "change"}. The marks show the answer before.`;
}

/** The top images of a unit and the name of its part, if the page knows them. */
function showFacts(layer, unit) {
  part("facts").hidden = !facts;
  if (!facts) return;
  topImages.show(facts, layer, unit);
  part("tops-name").textContent = `Top ${facts.kind}`;
  part("part-name").textContent = partText(facts, layer, unit);
}

/** Which views the layer has, which one is shown, and what there is to say of it. */
function showView({ layer, view, back }) {
  const possible = viewsOf(layer);
  for (const option of part("view").options) option.disabled = !possible.includes(option.value);
  part("view").value = view;
  part("view-note").textContent = viewNote(layer, view, back);
}

const viewsOf = (layer) => possibleViews(layer, info.ways, changes.count() > 0);

function viewNote(layer, view, back) {
  if (changes.count()) return "While units are changed, there is no way back.";
  if (!info.ways[layer.name]) return "From this layer there is no way back: a step before it has no rule for it.";
  if (!back) return "";
  const something = back.some((value) => value !== 0);
  if (view === "grad_cam") return `What spoke for ${info.classes[answeredClass(work.logits)]}, by the maps of ${layer.name}.`;
  return something ? "" : "Nothing comes back: the unit is silent at this place.";
}

function showRate() {
  const { fps, latency } = document.documentElement.dataset;
  part("rate").textContent = pictures.isLive() ? `${fps} pictures/s, ${latency} ms each` : `${latency} ms`;
}

// ---- choosing

function chooseLayer(name, place = null) {
  if (!layers.has(name)) return;
  state.layer = name;
  state.place = place;
  grid.show(chosenLayer());
  grid.mark(state.holding ? chosenUnit() : -1);
  showChanges();
  askKernels();
  strip.filter((other) => shownLayers().some((layer) => layer.name === other));
  strip.mark(name);
  part("layer-name").textContent = name;
  const [units, height, width] = chosenLayer().shape;
  part("layer-about").textContent = `${chosenLayer().kind}, ${units} ${units > 1 ? "units" : "unit"} of ${height}×${width}`;
  if (work.outputs[name]) update();
  else newPicture();
}

function chooseUnit(unit) {
  state.wanted = unit;
  state.holding = true;
  state.place = null;
  grid.mark(chosenUnit());
  update();
}

function letGo() {
  state.holding = false;
  state.place = null;
  grid.mark(-1);
  draw();
}

function choosePoint(x, y) {
  if (state.hiding) return hideAround(x, y);
  if (!state.holding) return;
  state.place = stage.placeAt(chosenLayer(), x, y);
  update();
}

function stepUnit(step) {
  const units = chosenLayer().shape[0];
  const from = state.holding ? chosenUnit() : -1;
  const next = from < 0 ? 0 : from + step;
  if (next < 0 || next >= units) return;
  const hadFocus = grid.holdsFocus();
  chooseUnit(next);
  if (hadFocus) grid.focus(next);
}

function stepLayer(step) {
  const names = shownLayers().map((layer) => layer.name);
  const next = names[names.indexOf(state.layer) + step];
  if (!next) return;
  const hadFocus = part("strip").contains(document.activeElement);
  chooseLayer(next);
  if (hadFocus) strip.focus(next);
}

function afterChange() {
  showChanges();
  draw();
  newPicture();
}

/** Make the chosen unit answer more or less strongly, and see what becomes of all that follows. */
function setStrength(strength) {
  if (!state.holding || !chosenLayer().leads_on) return;
  changes.setStrength(state.layer, chosenUnit(), strength);
  afterChange();
}

function switchOff() {
  setStrength(changes.strength(state.layer, chosenUnit()) === 0 ? 1 : 0);
}

/** Give a unit another kernel; null gives it its own again. */
function setKernel(weight, unit, numbers) {
  changes.setKernel(weight, unit, numbers);
  afterChange();
}

/** Find out, once, which kernels the chosen layer has. */
async function askKernels() {
  const name = state.layer;
  if (!work.network || weights.has(name)) return;
  weights.set(name, await work.network.kernels(name).catch(() => null));
  showChanges();
  draw();
}

function undoChanges() {
  if (!changes.count()) return;
  changes.clear();
  afterChange();
}

function chooseView(view) {
  state.view = view;
  update();
}

/** The view after this one, of those that lead back to the pixels; after the last one the map again. */
function nextView() {
  const chosen = chosenThing();
  if (!chosen) return;
  const views = viewsOf(chosen.layer).filter((view) => view !== "nothing");
  chooseView(views[(views.indexOf(chosen.view) + 1) % views.length]);
}

function toggle(name) {
  state[name] = !state[name];
  part(name).setAttribute("aria-pressed", String(state[name]));
  if (name === "every") chooseLayer(state.layer);
  draw();
}

// ---- pictures

/** A picture comes in: fit it into the network's square, hide what is to be hidden, and compute it. */
function takeIn({ image, name, isVideo, age }) {
  const method = isVideo && info.method === "squash" ? "crop" : info.method;
  source.fitting = fitPicture(whole, image, size, method);
  source.name = name;
  hideParts();
  if (!work.network) computed.getContext("2d").drawImage(picture, 0, 0);
  newPicture(age);
}

function newPicture(age = 0) {
  source.fresh = performance.now() - age;
  delete document.documentElement.dataset.settled;
  compute();
}

function hideParts() {
  const context = picture.getContext("2d", { willReadFrequently: true });
  context.drawImage(whole, 0, 0);
  context.drawImage(cover, 0, 0);
  answer.compare(null); // the marks belong to the picture before
}

/** Hide the pixels of a rectangle behind plain grey, from now on. */
function hide({ x, y, width, height }) {
  const context = cover.getContext("2d");
  context.fillStyle = "rgb(128 128 128)";
  context.fillRect(Math.round(x), Math.round(y), Math.round(width), Math.round(height));
  hideParts();
  if (!pictures.isLive()) newPicture();
}

/** Hide a rectangle here, and in the other network's picture, if there is one. */
function hideEverywhere(rectangle) {
  hide(rectangle);
  around?.hid(toSource(rectangle, source.fitting));
}

function hideAround(x, y) {
  const side = size / 8;
  hideEverywhere({ x: x - side / 2, y: y - side / 2, width: side, height: side });
}

/** Hide what the frame shows: what the chosen place of the unit sees. */
function hideSeen() {
  const chosen = chosenThing();
  if (!chosen) return;
  if (!state.hiding) toggleHiding();
  hideEverywhere(seenRectangle(chosen.layer, size, chosen.place));
}

/** Start to hide parts, or show all of the picture again. */
function setHiding(isOn) {
  state.hiding = isOn;
  part("hiding").setAttribute("aria-pressed", String(isOn));
  if (isOn) return;
  cover.getContext("2d").clearRect(0, 0, size, size);
  hideParts();
  if (!pictures.isLive()) newPicture();
}

function toggleHiding() {
  if (around) around.setHiding(!state.hiding);
  else setHiding(!state.hiding);
}

// ---- to take away

/** What is on the screen: the picture, the layer, the unit, each with its title, and the answer below. */
function screenRow() {
  const chosen = chosenThing();
  const grid = document.querySelector("#grid canvas");
  const panels = [
    { title: source.name, canvas: part("stage"), width: 512, isSmooth: true },
    { title: `${info.title}: ${state.layer}`, canvas: grid, width: grid.width },
  ];
  if (chosen) panels.push({ title: part("unit-name").textContent, canvas: part("map"), width: 320 });
  return { panels, caption: part("spoken").textContent };
}

function saveScreen() {
  if (around) return around.save();
  saveCanvas(drawScreen([screenRow()]), `${info.title} ${state.layer}.png`);
}

function pythonOfScreen() {
  const chosen = chosenThing();
  const isChanged = changes.count() > 0 || state.hiding;
  return chosen ? pythonCode(info, chosen, pictures.describe(), isChanged) : "";
}

function showPython() {
  if (!chosenThing()) chooseUnit(chosenUnit());
  if (around) around.showCode(pythonOfScreen());
  else showCode(pythonOfScreen());
}

// ---- keys

const KEYS = {
  PageDown: () => stepLayer(1),
  PageUp: () => stepLayer(-1),
  "?": () => (around ? around.help() : part("help").showModal()),
  w: pictures.camera,
  " ": pictures.freeze,
  o: () => chooseView(state.view === "map" ? "nothing" : "map"),
  b: nextView,
  s: () => toggle("perLayer"),
  a: () => toggle("every"),
  h: toggleHiding,
  x: hideSeen,
  0: switchOff,
  r: undoChanges,
  f: pictures.choose,
  d: saveScreen,
  p: showPython,
  c: () => around?.other(),
  Escape: letGo,
};

/** Do what a key means; says whether it means something. */
function heed(key) {
  const focused = document.activeElement;
  const arrow = ARROWS[key];
  if (arrow && part("strip").contains(focused)) stepLayer(arrow[0] + arrow[1]);
  else if (arrow && focused === part("stage")) movePlace(...arrow);
  else if (arrow) stepUnit(arrow[0] + arrow[1] * grid.columns());
  else KEYS[key]?.();
  return Boolean(arrow || KEYS[key]);
}

function onKey(event) {
  if (isForPage(event) && heed(event.key)) event.preventDefault();
}

/** Move the chosen place of the unit's map by one. */
function movePlace(columns, rows) {
  const chosen = chosenThing();
  if (!chosen) return;
  const [, height, width] = chosen.layer.shape;
  const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
  const row = within(chosen.place.row + rows, height);
  const column = within(chosen.place.column + columns, width);
  state.place = { row, column };
  update();
}

function listen() {
  document.addEventListener("keydown", onKey);
  for (const name of ["perLayer", "every"]) part(name).addEventListener("click", () => toggle(name));
  part("view").addEventListener("change", (event) => chooseView(event.target.value));
  part("hiding").addEventListener("click", toggleHiding);
  part("strength").addEventListener("input", (event) => setStrength(Number(event.target.value)));
  part("switch-off").addEventListener("click", switchOff);
  part("undo-changes").addEventListener("click", undoChanges);
  part("apart").addEventListener("toggle", () => part("apart").open && work.network && newPicture());
  part("let-go").addEventListener("click", letGo);
  part("save").addEventListener("click", saveScreen);
  part("open-python").addEventListener("click", showPython);
  if (!around) startCodeDialog();
  part("open-help").addEventListener("click", KEYS["?"]);
  part("close-help").addEventListener("click", () => part("help").close());
  part("strip").addEventListener("sight", () => !pictures.isLive() && work.network && newPicture());
  part("map-box").addEventListener("pointerdown", (event) => {
    const box = part("map-box").getBoundingClientRect();
    const [, height, width] = chosenLayer().shape;
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    state.place = { row, column };
    update();
  });
  new ResizeObserver(() => {
    grid.arrange();
    draw();
  }).observe(part("grid"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// ---- start

/** What tests ask: layers of the picture on the screen, computed now. */
async function layersNow(names) {
  while (work.busy) await new Promise((resolve) => setTimeout(resolve, 5));
  const { logits, outputs } = await work.network.run(work.numbers.slice(), names, changes.list());
  return { numbers: work.numbers, logits, outputs };
}

/** What tests ask: the way back that is on the screen, and the choice that it was made for. */
const shownWay = () => ({ numbers: work.numbers, logits: work.logits, back: chosenThing()?.back, place: chosenThing()?.place });

/** What tests ask: the steps of some values of a unit, for the picture on the screen; null if they are of other kinds. */
async function stepsAt(name, unit, places) {
  const apart = await work.network.apart(work.numbers, name);
  return apart.steps && places.map((place) => takeApart(apart, unit, place));
}

/** What tests ask: whether it is known which kernels a layer has. */
const knowsKernels = (name) => weights.has(name);

/** Say so where Python computes, which is slower. */
function showWhereItComputes(reason) {
  part("computer").textContent = reason ? `Computed by ${host.name}, which is slower.` : "";
  part("computer").title = reason ? `Not by the browser: ${reason}` : "";
  document.documentElement.dataset.computer = reason ? "python" : "browser";
}

function aboutNetwork() {
  const thousands = info.n_weights.toLocaleString("en");
  const rounded = info.half_cost ? `, which moves its logits by up to ${info.half_cost.toPrecision(2)}` : "";
  return `${thousands} weights, kept as ${info.weights}${rounded}; pictures of ${size}×${size}.`;
}

/** What the page around this one may ask for. */
const guest = {
  takeIn,
  follow,
  heed,
  screenRow,
  setHiding,
  hide: (rectangle) => source.fitting && hide(fromSource(rectangle, source.fitting)),
  isBusy: () => work.busy && Boolean(work.network),
};

/** Get the first picture: from the controls of this page, or from the page around it. */
async function startPictures() {
  if (around) {
    part("badge").textContent = around.letter;
    listenToFiles(document, pictures.showFile);
    return around.join(guest);
  }
  await pictures.start();
  await pictures.showDrawing(0);
}

async function main() {
  part("title").textContent = info.title;
  document.title = `${info.title}: toolbox`;
  part("about-network").textContent = aboutNetwork();
  const first = info.layers.filter((layer) => layer.main && layer.shape[1] > 1);
  chooseLayer((first[Math.floor(first.length / 3)] ?? info.layers[0]).name);
  listen();
  await startPictures();
  facts = await readFacts();
  say("The network is being started.");
  try {
    const main = info.layers.filter((layer) => layer.main);
    work.network = await startNetwork(info, main.map((layer) => layer.name), host);
  } catch (error) {
    return say(`This browser could not start the network: ${error.message}`);
  }
  say("");
  showWhereItComputes(work.network.reason);
  document.documentElement.dataset.ready = "true";
  window.toolbox = { state, layersNow, shownWay, chosenSteps, stepsAt, knowsKernels };
  askKernels();
  newPicture();
}

main();
