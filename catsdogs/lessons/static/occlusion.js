// A grey square over the picture, moved by the pointer or by two sliders, and the network's answer without that place.
function start(root, data) {
  const stack = root.querySelector(".cd-stack"), output = root.querySelector("output");
  const rows = data.probabilities.length, columns = data.probabilities[0].length;
  const square = document.createElement("div");
  square.className = "cd-square";
  stack.append(square);
  const sliders = ["down", "across"].map((name, i) => {
    const label = document.createElement("label"), slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: (i ? columns : rows) - 1, value: Math.floor((i ? columns : rows) / 2) });
    label.append(name, slider);
    slider.addEventListener("input", show);
    stack.after(label);
    return slider;
  });
  const percent = (p) => `${(100 * p).toFixed(0)}%`;
  function show() {
    const [row, column] = sliders.map((slider) => Number(slider.value));
    const share = (pixels) => `${(100 * pixels) / data.size}%`;
    square.style.top = share(row * data.stride);
    square.style.left = share(column * data.stride);
    square.style.width = square.style.height = share(data.window);
    output.textContent = `${data.label}: ${percent(data.whole)} with the whole picture, ${percent(data.probabilities[row][column])} without this place`;
  }
  function point(event) {
    const box = stack.getBoundingClientRect();
    const place = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    place.forEach((share, i) => { sliders[i].value = Math.round((share * data.size - data.window / 2) / data.stride); });
    show();
  }
  stack.addEventListener("pointermove", point);
  stack.addEventListener("pointerdown", point);
  show();
}
