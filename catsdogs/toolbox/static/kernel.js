// The kernel of a unit as a table of numbers to edit, one channel at a time.

const LARGEST = 7; // a kernel of more rows is not shown

const channelName = (channel, channels) => (channels === 3 ? ["red", "green", "blue"][channel] : `channel ${channel}`);

/** Fill `holder` with the editor; `onChange` gets the weight, the unit, and all numbers of its kernel, or null
 * for its own ones again. */
export function makeKernel(holder, onChange) {
  const choice = document.createElement("select");
  const table = document.createElement("table");
  const buttons = document.createElement("div");
  choice.setAttribute("aria-label", "channel of the kernel");
  buttons.className = "buttons";
  holder.append(choice, table, buttons);
  let shown = null; // {key, weight, unit, numbers, channels, rows, columns}
  const change = (numbers) => onChange(shown.weight, shown.unit, numbers);

  function addButton(text, numbersOf) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => change(numbersOf(shown.numbers)));
    buttons.append(button);
  }
  addButton("Negative", (numbers) => numbers.map((number) => -number));
  addButton("Zeros", (numbers) => numbers.map(() => 0));
  addButton("Undo", () => null);

  const places = () => shown.rows * shown.columns;
  const largest = () => shown.numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 1e-6);

  /** How much a channel counts: the sum of its weights' sizes. */
  function sizeOf(channel) {
    const from = channel * places();
    return shown.numbers.subarray(from, from + places()).reduce((sum, number) => sum + Math.abs(number), 0);
  }

  function fillChoice() {
    const order = Array.from({ length: shown.channels }, (_, channel) => channel);
    if (shown.channels !== 3) order.sort((a, b) => sizeOf(b) - sizeOf(a));
    const options = order.map((channel) => new Option(channelName(channel, shown.channels), channel));
    choice.replaceChildren(...options);
  }

  /** A field for one place of the kernel, whichever channel is shown. */
  function makeField(row, column) {
    const field = document.createElement("input");
    field.type = "number";
    field.step = "0.05";
    field.setAttribute("aria-label", `row ${row + 1}, column ${column + 1}`);
    field.addEventListener("change", () => {
      if (!Number.isFinite(field.valueAsNumber)) return;
      const numbers = shown.numbers.slice();
      numbers[Number(choice.value) * places() + row * shown.columns + column] = field.valueAsNumber;
      change(numbers);
    });
    return field;
  }

  function makeTable() {
    const rows = Array.from({ length: shown.rows }, (_, row) => {
      const line = document.createElement("tr");
      for (let column = 0; column < shown.columns; column++) line.insertCell().append(makeField(row, column));
      return line;
    });
    table.replaceChildren(...rows);
  }

  /** Write the numbers of the chosen channel into the fields, which stay, so that the focus stays, too. */
  function fillTable() {
    const from = Number(choice.value) * places();
    const most = largest();
    table.querySelectorAll("input").forEach((field, place) => {
      const value = shown.numbers[from + place];
      const strength = Math.round((70 * Math.abs(value)) / most);
      field.value = value.toFixed(2);
      field.style.backgroundColor = `color-mix(in srgb, ${value < 0 ? "#2166ac" : "#d6604d"} ${strength}%, var(--panel))`;
    });
  }
  choice.addEventListener("change", fillTable);

  return {
    /** Show the kernel of a unit of a layer; `weight` is null for a layer that has none. */
    show(weight, unit, numbers) {
      holder.hidden = !weight || weight.shape.length !== 4 || weight.shape[2] > LARGEST;
      if (holder.hidden) return;
      const [, channels, rows, columns] = weight.shape;
      const key = `${weight.name} ${unit}`;
      const isNew = key !== shown?.key;
      const isSame = !isNew && numbers.every((number, i) => number === shown.numbers[i]);
      if (isSame) return;
      shown = { key, weight, unit, numbers, channels, rows, columns };
      if (isNew) {
        fillChoice();
        makeTable();
      }
      fillTable();
    },
  };
}
