// The picture as the network sees it, with the chosen unit's map where it belongs.
import { drawFrame, drawMap } from "./draw.js";
import { mapRectangle, placeAt, seenRectangle } from "./geometry.js";

/** Make the stage on a canvas; `onPoint` gets a point of the picture, in pixels. */
export function makeStage(canvas, size, onPoint) {
  const context = canvas.getContext("2d");
  const map = document.createElement("canvas");
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

  return {
    /** Draw the picture; `chosen` is null or {layer, output, unit, perLayer, overlay, place}. */
    draw(picture, chosen) {
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      if (!chosen) return;
      const { layer, output, unit, perLayer, overlay, place } = chosen;
      if (overlay) {
        const where = enlarged(mapRectangle(layer, size));
        drawMap(map, layer, output, unit, perLayer, true);
        context.fillStyle = layer.signed ? "#80808060" : "#00000070";
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.imageSmoothingEnabled = false;
        context.drawImage(map, where.x, where.y, where.width, where.height);
      }
      drawFrame(context, enlarged(seenRectangle(layer, size, place)));
    },
    placeAt: (layer, x, y) => placeAt(layer, size, x, y),
  };
}
