// What is known of units beside the picture on the screen: their top images, and the part that they mark.
import { unpackTable } from "./assets.js";
import { seenRectangle } from "./geometry.js";

const SIDE = 104; // pixels of a patch on the screen, twice as many as in the style sheet

/** Unpack the facts that the page carries; null if there are none. */
export async function readFacts() {
  const facts = await unpackTable("units");
  if (!facts) return null;
  const sheet = new Image();
  sheet.src = facts.sheet;
  await sheet.decode();
  return { ...facts, sheet };
}

/** The top images of a unit, strongest first: {picture, name, value, place}. */
function strongestFirst(facts, layer, unit) {
  const table = facts.layers[layer.name];
  const ranks = Array.from({ length: facts.k }, (_, rank) => unit * facts.k + rank);
  return ranks.map((i) => ({
    picture: table.pictures[i],
    name: facts.names[table.pictures[i]],
    value: table.values[i],
    place: { row: Math.floor(table.places[i] / layer.shape[2]), column: table.places[i] % layer.shape[2] },
  }));
}

/** One picture of the sheet, on a canvas of its own. */
function cutOut(facts, picture) {
  const { sheet, side, columns } = facts;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const left = (picture % columns) * side;
  const top = Math.floor(picture / columns) * side;
  canvas.getContext("2d").drawImage(sheet, left, top, side, side, 0, 0, side, side);
  return canvas;
}

/** The part of a picture that the place saw, in pixels of the network; all of it, if the place sees more than that. */
function patchOf(layer, size, place) {
  const seen = seenRectangle(layer, size, place);
  const isLarge = seen.width >= size && seen.height >= size;
  return isLarge ? { x: 0, y: 0, width: size, height: size } : seen;
}

/** Draw a patch, grey where it reaches beyond the picture. */
function drawPatch(canvas, picture, patch, size) {
  const context = canvas.getContext("2d");
  const scale = SIDE / Math.max(patch.width, patch.height);
  context.fillStyle = "#808080";
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingEnabled = patch.width > 16;
  context.drawImage(picture, -patch.x * scale, -patch.y * scale, size * scale, size * scale);
}

/** Make the row of top images; `onChoose` gets the canvas of a picture and its name. */
export function makeTopImages(holder, size, onChoose) {
  let shown = "";

  function makeButton(facts, layer, top) {
    const button = document.createElement("button");
    const patch = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    const whole = cutOut(facts, top.picture);
    const label = `${top.name}, value ${top.value}`;
    drawPatch(patch, whole, patchOf(layer, size, top.place), size);
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", `top image: ${label}`);
    button.append(patch);
    button.addEventListener("click", () => onChoose(whole, top.name));
    return button;
  }

  return {
    /** Show a unit's top images; those that never made it answer are left out. */
    show(facts, layer, unit) {
      const key = `${layer.name} ${unit}`;
      if (key === shown) return;
      shown = key;
      if (!facts.layers[layer.name]) return holder.replaceChildren("Not looked for in this layer.");
      const tops = strongestFirst(facts, layer, unit).filter((top) => top.value > 0);
      holder.replaceChildren(...tops.map((top) => makeButton(facts, layer, top)));
      if (!tops.length) holder.textContent = `It answers above zero in none of the ${facts.names.length} ${facts.kind}.`;
    },
  };
}

/** What can be said of the part that a unit marks. */
export function partText(facts, layer, unit) {
  const found = facts.parts[layer.name]?.[unit];
  if (!found) return "not looked for in this layer";
  const [part, overlap, detects] = found;
  return detects ? `${part} (IoU ${overlap.toFixed(2)})` : `none for certain; nearest: ${part} (IoU ${overlap.toFixed(2)})`;
}
