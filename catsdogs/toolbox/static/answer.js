// The answer as bars, one for each class, and a mark where each bar ended before the network was changed.
// Names of classes are text, never HTML.

const MOST = 10;

/** Fill `holder` with a bar for each class; for many classes, the likeliest are shown. */
export function makeAnswer(holder, classes) {
  const rows = Array.from({ length: Math.min(classes.length, MOST) }, () => {
    const row = document.createElement("div");
    const name = document.createElement("span");
    const track = document.createElement("div");
    const bar = document.createElement("i");
    const mark = document.createElement("b");
    const number = document.createElement("output");
    row.className = "bar";
    track.className = "track";
    track.setAttribute("role", "meter");
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", "100");
    mark.hidden = true;
    track.append(bar, mark);
    row.append(name, track, number);
    holder.append(row);
    return { name, track, bar, mark, number };
  });
  let order = [];
  let marked = null;

  function drawMarks() {
    order.forEach((index, i) => {
      const { track, mark } = rows[i];
      mark.hidden = !marked;
      track.title = marked ? `${(100 * marked[index]).toFixed(1)}% before the change` : "";
      if (marked) mark.style.left = `${100 * marked[index]}%`;
    });
  }

  return {
    show(likely) {
      order = classes.map((_, i) => i);
      if (classes.length > MOST) order = order.sort((a, b) => likely[b] - likely[a]).slice(0, MOST);
      order.forEach((index, i) => {
        const { name, track, bar, number } = rows[i];
        const percent = (100 * likely[index]).toFixed(1);
        name.textContent = classes[index];
        bar.style.width = `${percent}%`;
        track.setAttribute("aria-label", classes[index]);
        track.setAttribute("aria-valuenow", percent);
        number.textContent = `${percent}%`;
      });
      drawMarks();
    },
    /** The answer in words. */
    words: () => rows.map(({ name, number }) => `${name.textContent} ${number.textContent}`).join(", "),
    /** Mark what the network answered before it was changed; null: no marks. */
    compare(before) {
      marked = before;
      drawMarks();
    },
  };
}
