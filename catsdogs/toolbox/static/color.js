// Numbers as colours: dark to light for maps without signs, blue and red for maps with signs.

const LIGHT_WITHOUT_SIGN = ["#000004", "#1d1147", "#51127c", "#822681", "#b63679", "#e65164", "#fb8861", "#fec287", "#fcfdbf"];
const WITH_SIGN = {
  light: ["#053061", "#2166ac", "#4393c3", "#92c5de", "#f7f7f7", "#f4a582", "#d6604d", "#b2182b", "#67001f"],
  dark: ["#cfe8ff", "#79bdf5", "#3d86c6", "#1f4e7d", "#15161a", "#7d3a22", "#c9603a", "#f79a6d", "#ffe0cc"],
};

function channels(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** Anchor colours → 256 pixels, each one number as canvases keep them. */
function spread(anchors) {
  const stops = anchors.map(channels);
  const pixels = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(Math.floor(at), stops.length - 2);
    const [r, g, b] = stops[k].map((c, j) => Math.round(c + (stops[k + 1][j] - c) * (at - k)));
    pixels[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return pixels;
}

const TABLES = {
  unsigned: spread(LIGHT_WITHOUT_SIGN),
  light: spread(WITH_SIGN.light),
  dark: spread(WITH_SIGN.dark),
};

/** The 256 colours for a layer, in the scheme that the reader prefers. */
export function colorTable(signed) {
  if (!signed) return TABLES.unsigned;
  return matchMedia("(prefers-color-scheme: dark)").matches ? TABLES.dark : TABLES.light;
}

/** For each unit of a layer its smallest and largest value. */
export function unitRanges(data, units) {
  const places = data.length / units;
  const low = new Float32Array(units);
  const high = new Float32Array(units);
  for (let u = 0, i = 0; u < units; u++) {
    let min = data[i];
    let max = min;
    for (const end = i + places; i < end; i++) {
      const value = data[i];
      if (value < min) min = value;
      if (value > max) max = value;
    }
    low[u] = min;
    high[u] = max;
  }
  const least = low.reduce((a, b) => Math.min(a, b));
  const most = high.reduce((a, b) => Math.max(a, b));
  return { low, high, least, most };
}

/** From a unit's values to positions in the colour table: position = value × factor + shift. */
export function unitScale(ranges, unit, signed, perLayer) {
  const low = perLayer ? ranges.least : ranges.low[unit];
  const high = perLayer ? ranges.most : ranges.high[unit];
  const reach = Math.max(signed ? Math.max(high, -low) : high, 1e-6);
  return signed ? { factor: 127.5 / reach, shift: 127.5 } : { factor: 255 / reach, shift: 0 };
}
