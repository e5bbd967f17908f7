// Choose a group and a setting; the curve of that setting is shown, and the others are hidden.
function start(root) {
  const group = root.querySelector("select");
  const slider = root.querySelector("input");
  const states = [...root.querySelectorAll("[data-group]")];
  const words = root.querySelector("output");
  root.querySelector(".cd-controls").hidden = false;
  function show() {
    const chosen = states.filter(s => s.dataset.group === group.value);
    slider.max = chosen.length - 1;
    states.forEach(s => s.setAttribute("visibility", "hidden"));
    const state = chosen[Math.min(+slider.value, chosen.length - 1)];
    state.setAttribute("visibility", "visible");
    words.textContent = state.dataset.says;
  }
  group.addEventListener("input", () => { slider.value = 0; show(); });
  slider.addEventListener("input", show);
  show();
}
