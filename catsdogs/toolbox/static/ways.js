// The way back from a unit to the pixels, and Grad-CAM: what the network is asked for, and how the result is drawn.

const TO_PIXELS = ["gradient", "guided_backprop", "deconvolution"];

/** What can be shown on the picture for a layer. `ways` says from which layers there is a way back; the ways are those
 * of the network as it is, so with changed units there is none. */
export function possibleViews(layer, ways, isChanged) {
  if (isChanged) return ["map", "nothing"];
  const toPixels = ways[layer.name] ? TO_PIXELS : [];
  const cam = layer.maps && ways.logits ? ["grad_cam"] : [];
  return ["map", ...toPixels, ...cam, "nothing"];
}

/** Does the view need more than the layer's own numbers? */
export function needsWay(view) {
  return view === "grad_cam" || TO_PIXELS.includes(view);
}

/** One place of one unit: 1 there, 0 elsewhere. */
function seedOfUnit(layer, unit, place) {
  const [units, height, width] = layer.shape;
  const data = new Float32Array(units * height * width);
  data[(unit * height + place.row) * width + place.column] = 1;
  return { data, shape: layer.maps ? [1, units, height, width] : [1, units] };
}

/** The class that the network answers. One logit above 0 speaks for the second class, below 0 for the first. */
export function answeredClass(logits) {
  if (logits.length === 1) return Number(logits[0] > 0);
  return logits.indexOf(Math.max(...logits));
}

function seedOfAnswer(logits) {
  const data = new Float32Array(logits.length);
  const answered = answeredClass(logits);
  if (logits.length === 1) data[0] = answered ? 1 : -1;
  else data[answered] = 1;
  return { data, shape: [1, logits.length] };
}

/** Grad-CAM: the maps of a layer, weighted by their mean gradients and added up; what is below 0 becomes 0. */
export function gradCam(maps, gradients, [units, height, width]) {
  const places = height * width;
  const sum = new Float32Array(places);
  for (let unit = 0; unit < units; unit++) {
    const from = unit * places;
    let weight = 0;
    for (let i = 0; i < places; i++) weight += gradients[from + i] / places;
    for (let i = 0; i < places; i++) sum[i] += weight * maps[from + i];
  }
  return sum.map((value) => Math.max(value, 0));
}

/** Ask for what a view shows: the gradient of each pixel, or Grad-CAM's map. */
export async function askWay(network, numbers, view, { layer, unit, place }, logits) {
  if (view !== "grad_cam") {
    const seed = seedOfUnit(layer, unit, place);
    const { outputs } = await network.back(numbers, layer.name, seed, view, ["grad/image"]);
    return outputs["grad/image"];
  }
  const wanted = [layer.name, `grad/${layer.name}`];
  const { outputs } = await network.back(numbers, "logits", seedOfAnswer(logits), "gradient", wanted);
  return gradCam(outputs[wanted[0]], outputs[wanted[1]], layer.shape);
}

/** The size that only one number in a thousand exceeds; 0 if nothing came back. */
function usualReach(data) {
  const sizes = Float32Array.from(data, Math.abs).sort();
  return sizes[Math.floor(0.999 * (sizes.length - 1))] || sizes[sizes.length - 1];
}

/** Draw 3×size×size gradients: grey where a pixel does not count, and in each colour brighter where more of it helps. */
export function drawGradient(canvas, data, size) {
  const reach = usualReach(data) || 1;
  const image = new ImageData(size, size);
  const places = size * size;
  for (let i = 0; i < places; i++) {
    for (let color = 0; color < 3; color++) image.data[4 * i + color] = 128 + (127 * data[color * places + i]) / reach;
    image.data[4 * i + 3] = 255;
  }
  Object.assign(canvas, { width: size, height: size });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
