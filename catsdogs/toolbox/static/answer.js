// The answer as bars, one for each class. Names of classes are text, never HTML.

const MOST = 10;

/** Fill `holder` with a bar for each class; for many classes, the likeliest are shown. */
export function makeAnswer(holder, classes) {
  const rows = Array.from({ length: Math.min(classes.length, MOST) }, () => {
    const row = document.createElement("div");
    const name = document.createElement("span");
    const bar = document.createElement("meter");
    const number = document.createElement("output");
    row.className = "bar";
    bar.max = 1;
    row.append(name, bar, number);
    holder.append(row);
    return { name, bar, number };
  });
  return {
    show(likely) {
      let order = classes.map((_, i) => i);
      if (classes.length > MOST) order = order.sort((a, b) => likely[b] - likely[a]).slice(0, MOST);
      order.forEach((index, i) => {
        const { name, bar, number } = rows[i];
        name.textContent = classes[index];
        bar.value = likely[index];
        bar.setAttribute("aria-label", classes[index]);
        number.textContent = `${(100 * likely[index]).toFixed(1)}%`;
      });
    },
  };
}
