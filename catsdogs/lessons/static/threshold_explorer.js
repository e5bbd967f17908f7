// The threshold of lesson 9: move it, and every count that depends on it follows.
// `root` is the explorer's element, `data` holds `no` and `yes` (scores from 0 to 1), `names` (of both kinds)
// and `above` (what becomes of scores above the threshold).

function start(root, data) {
  const slider = root.querySelector("input[type=range]"), shown = root.querySelector("label b");
  const [cut, dot] = [root.querySelector(".cut"), root.querySelector(".dot")];
  const cells = [...root.querySelectorAll("td")], says = root.querySelector("output");
  const percent = share => `${Math.round(100 * share)}%`;

  function update() {
    const limit = Number(slider.value);
    const alarms = data.no.filter(score => score > limit).length, found = data.yes.filter(score => score > limit).length;
    const alarmShare = alarms / data.no.length, foundShare = found / data.yes.length;
    const counts = [data.no.length - alarms, alarms, data.yes.length - found, found];
    cells.forEach((cell, i) => { cell.textContent = counts[i]; });
    shown.textContent = limit.toFixed(2);
    cut.setAttribute("x1", 30 + 380 * limit);
    cut.setAttribute("x2", 30 + 380 * limit);
    dot.setAttribute("cx", 30 + 130 * alarmShare);
    dot.setAttribute("cy", 145 - 130 * foundShare);
    const told = [[data.names[1], foundShare], [data.names[0], alarmShare]];
    says.textContent = told.map(([name, share]) => `${name}: ${percent(share)} are ${data.above}.`).join(" ");
    root.result = { counts, alarmShare, foundShare };
  }
  slider.addEventListener("input", update);
  update();
}
