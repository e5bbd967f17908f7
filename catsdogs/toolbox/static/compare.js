// Two networks beside each other: one picture for both, and a frame with a page of its own for each. The pages are those
// of page.html; they find this one as `parent.comparison`, and it finds what they offer (`guest` in app.js).
import { part, readTable, unpackText } from "./assets.js";
import { findHost, lateText } from "./host.js";
import { isForPage } from "./keys.js";
import { makePictures } from "./pictures.js";
import { makeRate } from "./rate.js";
import { makeAnswer } from "./answer.js";
import { drawScreen, saveCanvas, showCode, startCodeDialog } from "./share.js";

const LETTERS = ["A", "B"];
const { networks, host: kind, same } = readTable("comparison");
const host = findHost(kind, (isLate) => (part("late").textContent = lateText(host, isLate)));
const rate = makeRate(document.documentElement);
const isNarrow = matchMedia("(max-width: 700px)");
// For each network: its frame, what its page offers once it is there, its answer, what is chosen in it, the name of the
// picture that it has answered for good, and how long it took for the newest one.
const places = networks.map(() => ({ frame: null, guest: null, likely: null, choice: "", settled: null, took: null }));
let active = 0;

const pictures = makePictures({
  host,
  give,
  isBusy: () => places.some(({ guest }) => guest?.isBusy()),
  say: (text) => (part("message").textContent = text),
  onLive: () => rate.reset(),
});

/** A frame of a video on a canvas. The video may go on to its next frame while one network takes it after the other. */
function stillOf(video) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas;
}

/** Give a picture to both networks. */
function give({ image, ...more }) {
  const what = { image: more.isVideo ? stillOf(image) : image, ...more };
  delete document.documentElement.dataset.settled;
  for (const place of places) Object.assign(place, { settled: null, took: null });
  for (const { guest } of places) guest?.takeIn(what);
}

// ---- answers

/** A place for the answer of a network, with its letter and title. */
function makeAnswerPlace(which) {
  const holder = document.createElement("div");
  const heading = document.createElement("h2");
  const letter = document.createElement("b");
  letter.className = "badge";
  letter.textContent = LETTERS[which];
  heading.append(letter, networks[which].title);
  holder.append(heading);
  part("answers").append(holder);
  const answer = makeAnswer(holder, networks[which].classes);
  function show(likely) {
    answer.show(likely);
    places[which].likely = likely;
    showVerdict();
  }
  return { ...answer, show };
}

const answers = networks.map((_, which) => makeAnswerPlace(which));

function showVerdict() {
  if (places.some(({ likely }) => !likely)) return;
  const [a, b] = places.map(({ likely }, which) => networks[which].classes[likely.indexOf(Math.max(...likely))]);
  part("verdict").textContent = a === b ? `Both answer ${a}.` : `A answers ${a}, B answers ${b}.`;
}

/** A network has answered a picture that stays; when both have, it is told. */
function settle(which, name) {
  places[which].settled = name;
  if (places.some(({ settled }) => settled !== name)) return;
  const words = answers.map((answer, i) => `${LETTERS[i]} ${networks[i].title}: ${answer.words()}`);
  part("spoken").textContent = `${name}. ${words.join(". ")}. ${part("verdict").textContent}`;
  Object.assign(document.documentElement.dataset, { settled: name, ready: "true" });
}

/** A network has computed the newest picture; the slower of the two makes the rate. */
function count(which, latency, inference) {
  places[which].took = { latency, inference };
  if (places.some(({ took }) => !took)) return;
  const slower = places.map(({ took }) => took).reduce((a, b) => (a.latency > b.latency ? a : b));
  for (const place of places) place.took = null;
  rate.add(slower.latency, slower.inference);
  const { fps, latency: median } = document.documentElement.dataset;
  part("rate").textContent = pictures.isLive() ? `${fps} pictures/s, ${median} ms each` : `${median} ms`;
}

// ---- choosing

/** Mark the network that keys are for; on a narrow screen it is the one that is shown. */
function activate(which) {
  active = which;
  places.forEach(({ frame }, i) => frame.classList.toggle("active", i === which));
  Array.from(part("tabs").children, (tab, i) => {
    tab.setAttribute("aria-checked", String(i === which));
    tab.tabIndex = i === which ? 0 : -1;
  });
}

function goToOther() {
  activate(1 - active);
  places[active].frame.contentWindow.focus();
}

const isTogether = () => same && part("same").checked;

/** Something has been chosen in a network; the other one follows, if they go together. */
function hearChoice(which, choice) {
  const [here, other] = [places[which], places[1 - which]];
  if (here.choice === choice) return;
  const isFirst = here.choice === ""; // nobody has chosen it
  here.choice = choice;
  if (isFirst || !other.guest || other.leads) return;
  activate(which);
  if (!isTogether()) return;
  here.leads = true; // what the other one chooses meanwhile, it chooses because of this
  other.guest.follow(JSON.parse(choice));
  here.leads = false;
}

function setHiding(isOn) {
  part("hiding").setAttribute("aria-pressed", String(isOn));
  for (const { guest } of places) guest?.setHiding(isOn);
}

// ---- to take away

function save() {
  const rows = places.map(({ guest }, which) => {
    const { panels, caption } = guest.screenRow();
    return { panels, caption: `${LETTERS[which]} ${networks[which].title}. ${caption}` };
  });
  saveCanvas(drawScreen(rows), `${networks.map(({ title }) => title).join(" and ")}.png`);
}

// ---- frames

/** What a page in a frame is given by this one. */
function placeFor(which) {
  return {
    letter: LETTERS[which],
    host: host && { name: host.name, ask: (message) => host.ask({ ...message, network: which }) },
    answer: answers[which],
    pictures,
    join: (guest) => join(which, guest),
    settled: (name) => settle(which, name),
    computed: (latency, inference) => count(which, latency, inference),
    chosen: (choice) => hearChoice(which, choice),
    hid: (rectangle) => places[1 - which].guest?.hide(rectangle),
    setHiding,
    save,
    showCode,
    help: () => part("help").showModal(),
    other: goToOther,
  };
}

/** A page in a frame is there; when both are, they get their first picture. */
function join(which, guest) {
  const place = places[which];
  const page = place.frame.contentDocument;
  place.guest = guest;
  for (const event of ["pointerdown", "focusin"]) page.addEventListener(event, () => activate(which));
  new ResizeObserver(() => place.frame.style.setProperty("--height", `${page.body.scrollHeight}px`)).observe(page.body);
  fitFrames();
  if (places.every(({ guest }) => guest)) pictures.showDrawing(0);
}

/** Beside each other the pages fill their frames; on a narrow screen a frame is as high as its page. */
function fitFrames() {
  for (const { frame } of places) frame.contentDocument?.documentElement.classList.toggle("beside", !isNarrow.matches);
}

async function makeFrame(which, shared) {
  const page = await unpackText(`page-${which}`);
  const frame = document.createElement("iframe");
  frame.title = `${LETTERS[which]}: ${networks[which].title}`;
  frame.allow = "clipboard-write";
  frame.srcdoc = page.split("<!--engine-->").join(shared);
  return frame;
}

function makeTab(which) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.textContent = `${LETTERS[which]} ${networks[which].title}`;
  tab.setAttribute("role", "radio");
  tab.addEventListener("click", () => activate(which));
  part("tabs").append(tab);
}

/** The program that runs networks, as it stands in this page, for the pages in the frames. */
function takeEngine() {
  const parts = ["engine", "script", "wasm"].map((name) => part(`asset-${name}`)).filter(Boolean);
  const text = parts.map((element) => element.outerHTML).join("");
  for (const element of parts) element.remove();
  return text;
}

function listen() {
  document.addEventListener("keydown", (event) => {
    if (!isForPage(event) || !places[active].guest) return;
    if (part("tabs").contains(document.activeElement) && event.key.startsWith("Arrow")) {
      activate(1 - active);
      part("tabs").children[active].focus();
      event.preventDefault();
    } else if (places[active].guest.heed(event.key)) event.preventDefault();
  });
  part("hiding").addEventListener("click", () => setHiding(part("hiding").getAttribute("aria-pressed") !== "true"));
  part("save").addEventListener("click", save);
  startCodeDialog();
  part("open-help").addEventListener("click", () => part("help").showModal());
  part("close-help").addEventListener("click", () => part("help").close());
  part("same").addEventListener("change", () => {
    const { choice } = places[active];
    if (isTogether()) places[1 - active].guest?.follow(JSON.parse(choice));
  });
  isNarrow.addEventListener("change", fitFrames);
}

async function main() {
  part("title").textContent = networks.map(({ title }) => title).join(" and ");
  document.title = `${part("title").textContent}: toolbox`;
  part("together").hidden = !same;
  window.comparison = { placeFor };
  await pictures.start();
  listen();
  const shared = takeEngine();
  for (const which of networks.keys()) {
    makeTab(which);
    places[which].frame = await makeFrame(which, shared);
  }
  part("frames").append(...places.map(({ frame }) => frame));
  activate(0);
}

main();
