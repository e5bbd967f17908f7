// The picture as the network sees it, with what belongs to the chosen unit where it belongs.
import { drawFrame, drawMap } from "./draw.js";
import { mapRectangle, placeAt, seenRectangle } from "./geometry.js";
import { unitRanges } from "./color.js";
import { drawGradient } from "./ways.js";

/** Make the stage on a canvas; `onPoint` gets a point of the picture, in pixels. */
export function makeStage(canvas, size, onPoint) {
  const context = canvas.getContext("2d");
  const map = document.createElement("canvas");
  const gradient = document.createElement("canvas");
  const scale = canvas.width / size;

  function point(event) {
    const box = canvas.getBoundingClientRect();
    onPoint(((event.clientX - box.left) / box.width) * size, ((event.clientY - box.top) / box.height) * size);
  }
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointermove", (event) => event.buttons && point(event));

  const enlarged = ({ x, y, width, height }) => ({
    x: x * scale,
    y: y * scale,
    width: width * scale,
    height: height * scale,
  });

  function drawWhole(picture) {
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  }

  /** Lay a unit's map over the picture, each place around the middle of what it sees. */
  function layMap(layer, output, unit, perLayer) {
    const where = enlarged(mapRectangle(layer, size));
    drawMap(map, layer, output, unit, perLayer, true);
    context.fillStyle = layer.signed ? "#80808060" : "#00000070";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(map, where.x, where.y, where.width, where.height);
  }

  function layCam(layer, data) {
    const alone = { ...layer, shape: [1, ...layer.shape.slice(1)], signed: false };
    layMap(alone, { data, ranges: unitRanges(data, 1) }, 0, false);
  }

  return {
    /** Draw the picture; `chosen` is null or {layer, output, unit, perLayer, view, place, back}. */
    draw(picture, chosen) {
      drawWhole(picture);
      if (!chosen) return;
      const { layer, output, unit, perLayer, view, place, back } = chosen;
      if (view === "map") layMap(layer, output, unit, perLayer);
      else if (view === "grad_cam" && back) layCam(layer, back);
      else if (back) {
        drawGradient(gradient, back, size);
        drawWhole(gradient);
      }
      drawFrame(context, enlarged(seenRectangle(layer, size, place)));
    },
    placeAt: (layer, x, y) => placeAt(layer, size, x, y),
  };
}
