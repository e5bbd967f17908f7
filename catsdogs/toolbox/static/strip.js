// All layers side by side, in the order of computation. Only those in sight are asked for and drawn.
import { drawTiles, tileLayout } from "./draw.js";

const THUMBNAIL = 84;

/** Fill the strip with a button for each layer; `onChoose` gets a layer's name. */
export function makeStrip(holder, layers, onChoose) {
  const items = new Map();
  const inSight = new Set();
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) inSight.add(target.dataset.layer);
        else inSight.delete(target.dataset.layer);
      }
      holder.dispatchEvent(new Event("sight"));
    },
    { root: holder },
  );

  for (const layer of layers) {
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    const name = document.createElement("span");
    const shape = document.createElement("small");
    const [units, height, width] = layer.shape;
    name.textContent = layer.name;
    shape.textContent = height * width > 1 ? `${units} · ${height}×${width}` : units > 1 ? `${units} units` : "1 unit";
    button.type = "button";
    button.className = "layer";
    button.dataset.layer = layer.name;
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", `layer ${layer.name}, ${layer.kind}, ${units} units of ${height} by ${width}`);
    canvas.setAttribute("aria-hidden", "true");
    button.append(canvas, name, shape);
    button.addEventListener("click", () => onChoose(layer.name));
    holder.append(button);
    watcher.observe(button);
    items.set(layer.name, { button, canvas, layer, layout: tileLayout(units, THUMBNAIL, THUMBNAIL, 1) });
  }

  return {
    names: () => [...inSight],
    draw(outputs, perLayer) {
      for (const name of inSight) {
        const item = items.get(name);
        const output = outputs[name];
        const gap = item.layout.tile > 6 ? 1 : 0;
        if (output) drawTiles(item.canvas, item.layer, output, item.layout, gap, perLayer);
      }
    },
    mark(chosen) {
      for (const [name, { button }] of items) {
        button.setAttribute("aria-checked", String(name === chosen));
        button.tabIndex = name === chosen ? 0 : -1;
      }
      items.get(chosen).button.scrollIntoView({ block: "nearest", inline: "nearest" });
    },
    /** Mark the layers that have changed units. */
    label(changed) {
      for (const [name, { button }] of items) button.classList.toggle("changed", changed.includes(name));
    },
    filter(visible) {
      for (const [name, { button }] of items) button.hidden = !visible(name);
    },
    focus: (name) => items.get(name).button.focus(),
  };
}
