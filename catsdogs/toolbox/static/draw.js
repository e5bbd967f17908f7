// Maps on canvases.
import { colorTable, unitScale } from "./color.js";

/** How many columns of tiles fit best into a box, and how large a tile is then. */
export function tileLayout(units, width, height, smallest) {
  let columns = Math.max(1, Math.ceil(Math.sqrt((units * width) / height)));
  columns = Math.min(columns, units, Math.max(1, Math.floor(width / smallest)));
  const tile = Math.max(1, Math.floor(width / columns));
  return { columns, tile, rows: Math.ceil(units / columns) };
}

/** The canvas's pixels as numbers, made again only if its size has changed. */
function pixelsOf(canvas, width, height) {
  if (!canvas.pixels || canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.image = new ImageData(width, height);
    canvas.pixels = new Uint32Array(canvas.image.data.buffer);
  }
  return canvas.pixels;
}

/** For each pixel of a tile the place of the map that it shows. */
function samples(places, pixels) {
  return Int32Array.from({ length: pixels }, (_, i) => Math.floor(((i + 0.5) * places) / pixels));
}

/** Draw all units of a layer as tiles. `layout` comes from `tileLayout`; `gap` pixels stay free. */
export function drawTiles(canvas, layer, output, layout, gap, perLayer) {
  const [units, height, width] = layer.shape;
  const { columns, tile, rows } = layout;
  const total = columns * tile;
  const pixels = pixelsOf(canvas, total, rows * tile);
  pixels.fill(0);
  const table = colorTable(layer.signed);
  const side = Math.max(1, tile - gap);
  const across = samples(width, side);
  const down = samples(height, side);
  for (let unit = 0; unit < units; unit++) {
    const { factor, shift } = unitScale(output.ranges, unit, layer.signed, perLayer);
    const left = (unit % columns) * tile;
    const top = Math.floor(unit / columns) * tile;
    for (let y = 0; y < side; y++) {
      const from = (unit * height + down[y]) * width;
      let to = (top + y) * total + left;
      for (let x = 0; x < side; x++) {
        const position = output.data[from + across[x]] * factor + shift;
        pixels[to++] = table[position > 255 ? 255 : position > 0 ? position | 0 : 0];
      }
    }
  }
  canvas.getContext("2d").putImageData(canvas.image, 0, 0);
}

/** Draw one unit's map, one pixel for each place. With `clear`, weak places are see-through. */
export function drawMap(canvas, layer, output, unit, perLayer, clear) {
  const [, height, width] = layer.shape;
  const pixels = pixelsOf(canvas, width, height);
  const table = colorTable(layer.signed);
  const { factor, shift } = unitScale(output.ranges, unit, layer.signed, perLayer);
  const first = unit * height * width;
  for (let i = 0; i < pixels.length; i++) {
    const position = Math.min(Math.max(output.data[first + i] * factor + shift, 0), 255);
    const color = table[position | 0];
    const strength = layer.signed ? Math.abs(position - 127.5) / 127.5 : position / 255;
    const opacity = Math.round(235 * Math.sqrt(strength));
    pixels[i] = clear ? (color & 0xffffff) | (opacity << 24) : color;
  }
  canvas.getContext("2d").putImageData(canvas.image, 0, 0);
}

/** A frame that is seen on dark and on light ground. */
export function drawFrame(context, rectangle) {
  for (const [color, width] of [["#000", 4], ["#f0e442", 2]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(rectangle.x, rectangle.y, rectangle.width, rectangle.height);
  }
}
