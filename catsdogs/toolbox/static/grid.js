// A layer as a grid of all its units: one canvas, and a button over each tile.
import { drawTiles, tileLayout } from "./draw.js";

const SMALLEST = 22;

/** Make the grid; `onChoose` gets a unit's number. */
export function makeGrid(holder, onChoose) {
  const canvas = document.createElement("canvas");
  const buttons = document.createElement("div");
  canvas.setAttribute("aria-hidden", "true");
  buttons.className = "units";
  buttons.setAttribute("role", "radiogroup");
  holder.append(canvas, buttons);
  let layer = null;
  let layout = null;
  let marked = -1;
  let changedUnits = [];

  function makeButton(unit) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", "false");
    button.setAttribute("aria-label", `unit ${unit}`);
    button.title = `unit ${unit}`;
    button.tabIndex = -1;
    button.addEventListener("click", () => onChoose(unit));
    return button;
  }

  function arrange() {
    const box = holder.getBoundingClientRect();
    layout = tileLayout(layer.shape[0], box.width - 8, Math.max(box.height - 8, 200), SMALLEST);
    layout.tile = Math.min(layout.tile, 150);
    buttons.style.gridTemplateColumns = `repeat(${layout.columns}, ${layout.tile}px)`;
    buttons.style.gridAutoRows = `${layout.tile}px`;
  }

  return {
    show(next) {
      layer = next;
      buttons.setAttribute("aria-label", `units of ${layer.name}`);
      buttons.replaceChildren(...Array.from({ length: layer.shape[0] }, (_, unit) => makeButton(unit)));
      marked = -1;
      arrange();
    },
    /** Put a word on the units that answer otherwise than by themselves; `textOf` gives it, or nothing. */
    label(textOf) {
      for (const unit of changedUnits) delete buttons.children[unit]?.dataset.strength;
      changedUnits = Array.from({ length: layer.shape[0] }, (_, unit) => unit).filter(textOf);
      for (const unit of changedUnits) buttons.children[unit].dataset.strength = textOf(unit);
      Array.from(buttons.children, (button, unit) => (button.title = textOf(unit) ? `unit ${unit}, ${textOf(unit)}` : `unit ${unit}`));
    },
    arrange,
    columns: () => layout.columns,
    draw(output, perLayer) {
      drawTiles(canvas, layer, output, layout, 2, perLayer);
    },
    mark(unit) {
      if (marked >= 0) {
        buttons.children[marked].setAttribute("aria-checked", "false");
        buttons.children[marked].tabIndex = -1;
      }
      marked = unit;
      buttons.children[Math.max(unit, 0)].tabIndex = 0;
      if (unit < 0) return;
      buttons.children[unit].setAttribute("aria-checked", "true");
      buttons.children[unit].scrollIntoView({ block: "nearest" });
    },
    holdsFocus: () => buttons.contains(document.activeElement),
    focus: (unit) => buttons.children[Math.max(unit, 0)].focus({ preventScroll: true }),
  };
}
