// Pictures come in: files, drops, the clipboard, the webcam, drawings that come with the page.

/** The part of a picture that becomes the square, and where in the square it goes, by the network's method. */
function fitting(width, height, size, method) {
  if (method === "crop") {
    const side = Math.min(width, height);
    return { from: [(width - side) / 2, (height - side) / 2, side, side], to: [0, 0, size, size] };
  }
  if (method === "pad") {
    const scale = size / Math.max(width, height);
    const [w, h] = [width * scale, height * scale];
    return { from: [0, 0, width, height], to: [(size - w) / 2, (size - h) / 2, w, h] };
  }
  return { from: [0, 0, width, height], to: [0, 0, size, size] };
}

/** A picture whose transparent parts are white. */
function whiteGround(picture, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
}

/** Draw a picture into the square canvas that the network sees. Returns the picture's size, the part of it that is
 * shown (`from`), and where in the square it went (`to`). */
export function fitPicture(canvas, picture, size, method) {
  const width = picture.videoWidth ?? picture.naturalWidth ?? picture.width;
  const height = picture.videoHeight ?? picture.naturalHeight ?? picture.height;
  const { from, to } = fitting(width, height, size, method);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = method === "pad" ? "rgb(124 116 104)" : "#fff";
  context.fillRect(0, 0, size, size);
  context.imageSmoothingQuality = "high";
  if (method === "pad") context.drawImage(whiteGround(picture, width, height), ...from, ...to);
  else context.drawImage(picture, ...from, ...to);
  return { width, height, from, to };
}

/** A rectangle of the square, in parts of the picture's own width and height. */
export function toSource({ x, y, width, height }, { from, to, ...whole }) {
  const [across, down] = [from[2] / to[2] / whole.width, from[3] / to[3] / whole.height];
  return {
    x: from[0] / whole.width + (x - to[0]) * across,
    y: from[1] / whole.height + (y - to[1]) * down,
    width: width * across,
    height: height * down,
  };
}

/** The inverse of `toSource`. */
export function fromSource({ x, y, width, height }, { from, to, ...whole }) {
  const [across, down] = [(to[2] / from[2]) * whole.width, (to[3] / from[3]) * whole.height];
  return {
    x: to[0] + (x - from[0] / whole.width) * across,
    y: to[1] + (y - from[1] / whole.height) * down,
    width: width * across,
    height: height * down,
  };
}

/** The square canvas as 3×size×size numbers from 0 to 1. */
export function readNumbers(canvas, size) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const bytes = context.getImageData(0, 0, size, size).data;
  const places = size * size;
  const numbers = new Float32Array(3 * places);
  for (let i = 0, k = 0; i < places; i++, k += 4) {
    numbers[i] = bytes[k] / 255;
    numbers[places + i] = bytes[k + 1] / 255;
    numbers[2 * places + i] = bytes[k + 2] / 255;
  }
  return numbers;
}

/** The mirror image of 3×size×size numbers. */
export function mirrored(numbers, size) {
  const result = new Float32Array(numbers.length);
  for (let row = 0; row < numbers.length; row += size) {
    for (let x = 0; x < size; x++) result[row + x] = numbers[row + size - 1 - x];
  }
  return result;
}

const MOST_BYTES = 50e6;

/** A file as a picture; throws an error whose message can be shown. */
export async function openFile(file) {
  const name = file.name || "the clipboard";
  if (file.size > MOST_BYTES) throw new Error(`${name}: larger than 50 MB; choose a smaller picture`);
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(`${name}: not a picture that this browser can read`);
  }
}

/** The first file in what was dropped or pasted; undefined if there is none. */
export function firstFile(transfer) {
  return [...(transfer?.files ?? [])][0];
}

const REFUSALS = {
  NotAllowedError: "the camera was refused; allow it in the browser's address bar, or choose a file",
  NotFoundError: "there is no camera; choose a file",
  NotReadableError: "the camera is in use by another program",
};

/** Start the webcam; throws an error whose message can be shown. */
export async function openCamera(video) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("this browser gives a page no camera; choose a file");
  try {
    const wanted = { video: { width: { ideal: 320 }, height: { ideal: 240 }, facingMode: "user" }, audio: false };
    video.srcObject = await navigator.mediaDevices.getUserMedia(wanted);
    await video.play();
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `the camera could not be started (${error.name})`);
  }
}

export function closeCamera(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

/** Call `onFrame` for each new frame of a video until `stopped()` says so. */
export function eachFrame(video, onFrame, stopped) {
  const next = video.requestVideoFrameCallback
    ? (callback) => video.requestVideoFrameCallback(callback)
    : (callback) => requestAnimationFrame(callback);
  const step = () => {
    if (stopped()) return;
    onFrame();
    next(step);
  };
  next(step);
}
