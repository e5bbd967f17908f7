// The kernel editor of lesson 2: nine numbers, and what they make of a colour picture, at once.
// `root` is the editor's element, `data` holds `size`, `pixels` (size × size × 3 numbers from 0 to 255) and `kernels` (name → nine numbers).

function convolve(pixels, size, kernel) {
  // Without padding: the result has two rows and two columns less. Each colour for itself.
  const out = new Float32Array((size - 2) * (size - 2) * 3);
  for (let row = 0; row < size - 2; row++)
    for (let column = 0; column < size - 2; column++)
      for (let color = 0; color < 3; color++) {
        let sum = 0;
        for (let i = 0; i < 9; i++) {
          const r = row + Math.floor(i / 3), c = column + i % 3;
          sum += kernel[i] * pixels[(r * size + c) * 3 + color];
        }
        out[(row * (size - 2) + column) * 3 + color] = sum;
      }
  return out;
}

function paint(canvas, values, size, toByte) {
  canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    for (let color = 0; color < 3; color++) image.data[4 * i + color] = toByte(values[3 * i + color]);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function start(root, data) {
  const [before, after] = root.querySelectorAll("canvas");
  const weights = [...root.querySelectorAll("input[type=number]")];
  const preset = root.querySelector("select"), relu = root.querySelector("input[type=checkbox]");
  const caption = root.querySelector("output");

  function update() {
    const kernel = weights.map(w => Number(w.value) || 0);
    let result = convolve(data.pixels, data.size, kernel);
    if (relu.checked) result = result.map(v => Math.max(v, 0));
    // A kernel whose weights add up to zero answers around zero: zero is then shown as mid-grey.
    const total = kernel.reduce((a, b) => a + b, 0), signed = Math.abs(total) < 1e-6 && !relu.checked;
    paint(after, result, data.size - 2, v => signed ? 128 + v / 2 : v);
    caption.textContent = `The weights add up to ${Math.round(total * 1000) / 1000}. ${signed ? "Mid-grey is zero." : "Black is zero or less."}`;
    root.result = { kernel, values: result };
  }
  function choose() {
    const kernel = data.kernels[preset.value];
    if (kernel) weights.forEach((w, i) => { w.value = kernel[i]; });
    update();
  }
  for (const w of weights) w.addEventListener("input", () => { preset.value = "your own"; update(); });
  relu.addEventListener("input", update);
  preset.addEventListener("input", choose);
  paint(before, data.pixels, data.size, v => v);
  choose();
}
