// A convolution to step through. Python has computed and written all numbers; this only shows and hides them.
// `data` holds `input`, `weights` and `result` (numbers, row after row), `width` (columns of the input), `kernel` (columns of the kernel),
// `across` (columns of the result), `places` (numbers in the result), `stride`, `dilation` and `controls` (HTML).

const PAUSE = 600;      // milliseconds from one place to the next while it plays

function readable(value) {
  return String(Number(value.toFixed(3))).replace("-", "−");
}

function product(pixel, weight) {
  const factor = readable(weight);
  return `${readable(pixel)}·${weight < 0 ? `(${factor})` : factor}`;
}

function start(root, data) {
  root.insertAdjacentHTML("beforeend", data.controls);
  const find = (selector) => root.querySelector(selector), cells = (selector) => [...root.querySelectorAll(selector)];
  const inside = cells(".cd-in td"), kernel = cells(".cd-kernel td"), result = cells(".cd-out td");
  const range = find("input"), play = find(".cd-play");
  range.max = data.places - 1;
  let step = 0, timer = null;

  function pixelUnder(weight) {
    const top = Math.floor(step / data.across) * data.stride, left = step % data.across * data.stride;
    const row = top + Math.floor(weight / data.kernel) * data.dilation, column = left + weight % data.kernel * data.dilation;
    return row * data.width + column;
  }
  function show(to) {
    step = Math.max(0, Math.min(data.places - 1, to));
    range.value = step;
    inside.forEach((cell) => cell.classList.remove("cd-on"));
    const products = [];
    kernel.forEach((cell, i) => {
      const pixel = pixelUnder(i);
      inside[pixel].classList.add("cd-on");
      inside[pixel].dataset.w = cell.textContent;
      if (data.input[pixel]) products.push(product(data.input[pixel], data.weights[i]));
    });
    result.forEach((cell, i) => {
      cell.classList.toggle("cd-later", i > step);
      cell.classList.toggle("cd-now", i === step);
    });
    const sum = products.length ? products.join(" + ") : "only zeros in the window";
    find(".cd-say").textContent = `Place ${step + 1} of ${data.places}: ${sum} = ${readable(data.result[step])}`;
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }
  function next() {
    if (!root.isConnected || step === data.places - 1) stop();
    else show(step + 1);
  }
  function run() {
    if (step === data.places - 1) show(0);
    play.textContent = "Pause";
    timer = setInterval(next, PAUSE);
  }
  find(".cd-back").onclick = () => { stop(); show(step - 1); };
  find(".cd-next").onclick = () => { stop(); show(step + 1); };
  play.onclick = () => (timer ? stop() : run());
  range.oninput = () => { stop(); show(Number(range.value)); };
  show(0);
}
