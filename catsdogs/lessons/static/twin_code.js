// Click a line of one program: its counterpart in the other is marked, and a sentence says what both do.
function start(root, says) {
  const lines = [...root.querySelectorAll("[data-pair]")];
  const words = root.querySelector("output");
  function choose(pair) {
    lines.forEach(line => line.classList.toggle("cd-chosen", line.dataset.pair === pair));
    words.textContent = says[+pair];
  }
  for (const line of lines) {
    line.tabIndex = 0;
    line.addEventListener("click", () => choose(line.dataset.pair));
    line.addEventListener("focus", () => choose(line.dataset.pair));
  }
  root.classList.add("cd-live");
  choose("0");
}
