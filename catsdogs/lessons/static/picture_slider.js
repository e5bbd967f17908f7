// Move a slider: the picture changes, and with it the bar and the words of each answer.
function start(root, data) {
  const slider = root.querySelector("input");
  const picture = root.querySelector("img");
  const bars = [...root.querySelectorAll("[data-answer]")];
  root.querySelector(".cd-controls").hidden = false;
  function show() {
    const i = +slider.value;
    picture.src = data.pictures[i];
    root.querySelector("output").textContent = data.labels[i];
    for (const bar of bars) {
      const p = data.answers[bar.dataset.answer][i];
      bar.querySelector("i").style.width = `${100 * p}%`;
      bar.querySelector("b").textContent = `${Math.round(100 * p)}%`;
    }
  }
  slider.addEventListener("input", show);
  show();
}
