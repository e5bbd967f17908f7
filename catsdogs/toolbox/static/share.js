// What is on the screen as a picture, and the Python that makes the same map.
import { part } from "./assets.js";

const text = (value) => JSON.stringify(value); // a JSON text is a Python text, too

/** A value from JSON as Python writes it. */
const asPython = (value) => (Array.isArray(value) ? `[${value.map(asPython).join(", ")}]` : text(value));

/** Lines that make the picture. A `drawing` is {animal, traits}, with the traits that have been moved. */
function pictureLines({ name, drawing, live }, { size, python }) {
  if (!drawing) return { imports: ["from PIL import Image"], lines: [`picture = Image.open(${text(live ? "frame.png" : name)})`] };
  const moved = Object.entries(drawing.traits).map(([trait, value]) => `, ${trait}=${asPython(value)}`);
  const spec = `pet_spec(${drawing.animal}, seed=${python.examples})`;
  const whole = moved.length ? `replace(${spec}${moved.join("")})` : spec;
  const imports = ["from catsdogs.drawing.dataset import pet_spec", "from catsdogs.drawing.scenes import draw"];
  if (moved.length) imports.unshift("from dataclasses import replace");
  return { imports, lines: [`picture = draw(${whole}, ${size}).image`] };
}

/** Python that shows the map of a unit. `isChanged` says that the page shows more than the code makes. */
export function pythonCode(info, { layer, unit }, source, isChanged) {
  const { imports, lines } = pictureLines(source, info);
  const colors = layer.signed ? 'cmap="RdBu_r", vmin=-most, vmax=most' : 'cmap="magma", vmin=0';
  return [
    ...imports,
    "import matplotlib.pyplot as plt",
    ...info.python.imports,
    "from catsdogs.toolbox.page import Toolbox",
    "",
    ...(isChanged ? ["# without the hidden parts and the changed units of the page"] : []),
    `box = ${info.python.toolbox}`,
    ...lines,
    `values = box.maps(picture, ${text(layer.name)})[${unit}]`,
    ...(layer.signed ? ["most = max(abs(values).max(), 1e-6)"] : []),
    `plt.imshow(values.reshape(${layer.shape[1]}, ${layer.shape[2]}), ${colors})`,
    `plt.title(${text(`${layer.name}, unit ${unit}`)})`,
    "plt.show()",
    "",
  ].join("\n");
}

const GAP = 24;
const LINE = 30;

const panelHeight = ({ width, canvas }) => (width * canvas.height) / canvas.width;
const rowWidth = ({ panels }) => panels.reduce((sum, panel) => sum + panel.width + GAP, GAP);
const rowHeight = ({ panels }) => Math.max(...panels.map(panelHeight)) + 2 * LINE + 2 * GAP;

/** Draw panels side by side from `top` on, each under its title, and the caption below them. */
function drawRow(context, { panels, caption }, top) {
  let left = GAP;
  for (const panel of panels) {
    context.fillText(panel.title, left, top + LINE, panel.width);
    context.imageSmoothingEnabled = panel.isSmooth ?? false;
    context.drawImage(panel.canvas, left, top + LINE + GAP / 2, panel.width, panelHeight(panel));
    left += panel.width + GAP;
  }
  context.fillText(caption, GAP, top + rowHeight({ panels }) - GAP);
}

/** Rows of canvases below each other, as one canvas in the page's colours. A row is {panels, caption}, and a panel
 * {title, canvas, width}. */
export function drawScreen(rows) {
  const whole = document.createElement("canvas");
  whole.width = Math.max(...rows.map(rowWidth));
  whole.height = rows.reduce((sum, row) => sum + rowHeight(row), 0);
  const context = whole.getContext("2d");
  const style = getComputedStyle(document.body);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, whole.width, whole.height);
  context.font = "18px system-ui, sans-serif";
  context.fillStyle = style.color;
  let top = 0;
  for (const row of rows) {
    drawRow(context, row, top);
    top += rowHeight(row);
  }
  return whole;
}

/** Offer a canvas as a file of the reader's. */
export function saveCanvas(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

/** Show Python code in the page's dialog. */
export function showCode(code) {
  part("code").value = code;
  part("copied").textContent = "";
  part("python").showModal();
}

/** Make the buttons of that dialog work. */
export function startCodeDialog() {
  part("close-python").addEventListener("click", () => part("python").close());
  part("copy").addEventListener("click", async () => (part("copied").textContent = await copyText(part("code"))));
}

/** Copy a text; where the clipboard is forbidden, select it in the field that shows it. */
async function copyText(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return "Copied.";
  } catch {
    return "Selected: press Ctrl-C.";
  }
}
