// Where the places of a layer lie in the picture. A field says for both sides, down and across:
// how many pixels one place sees (size), how far apart neighbours are (jump), the first pixel seen (start).

/** The rectangle of the picture over which a layer's map lies: each place around the middle of what it sees. */
export function mapRectangle(layer, side) {
  const [, height, width] = layer.shape;
  if (!layer.field) return { x: 0, y: 0, width: side, height: side };
  const { size, jump, start } = layer.field;
  return {
    x: start[1] + (size[1] - jump[1]) / 2,
    y: start[0] + (size[0] - jump[0]) / 2,
    width: jump[1] * width,
    height: jump[0] * height,
  };
}

/** The pixels that one place sees, padding and all. */
export function seenRectangle(layer, side, place) {
  if (!layer.field) return { x: 0, y: 0, width: side, height: side };
  const { size, jump, start } = layer.field;
  return {
    x: start[1] + place.column * jump[1],
    y: start[0] + place.row * jump[0],
    width: size[1],
    height: size[0],
  };
}

/** The place whose square holds a point of the picture, or the nearest one. */
export function placeAt(layer, side, x, y) {
  const [, height, width] = layer.shape;
  const map = mapRectangle(layer, side);
  const column = Math.floor(((x - map.x) / map.width) * width);
  const row = Math.floor(((y - map.y) / map.height) * height);
  const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
  return { row: within(row, height), column: within(column, width) };
}

/** The place where a unit's value is largest; for signed maps, farthest from zero. */
export function strongestPlace(values, width, signed) {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    const stronger = signed ? Math.abs(values[i]) > Math.abs(values[best]) : values[i] > values[best];
    if (stronger) best = i;
  }
  return { row: Math.floor(best / width), column: best % width };
}
