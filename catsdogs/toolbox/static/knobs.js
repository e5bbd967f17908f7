// A drawing whose traits can be moved. Python draws it while a slider moves; a page without Python has recorded strips.

/** The nearest of the recorded values. */
function nearest(values, wanted) {
  return values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
}

const recordedValue = ({ values }, wanted) => values[nearest(values, wanted)];

/** One picture of a strip, on a canvas of its own. */
async function cutOutOfStrip({ sheet, side, values }, wanted) {
  const image = new Image();
  image.src = sheet;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const left = nearest(values, wanted) * side;
  canvas.getContext("2d").drawImage(image, left, 0, side, side, 0, 0, side, side);
  return canvas;
}

/** A drawing by Python. */
async function askForDrawing(host, animal, traits) {
  const { picture } = await host.ask({ type: "draw", animal, traits });
  return createImageBitmap(new Blob([picture], { type: "image/jpeg" }));
}

const sayValue = (value) => (typeof value === "number" ? String(Math.round(100 * value) / 100) : value);

/** Fill `holder` with a slider or a choice for each knob. `host` is Python or null, `strips` what was recorded.
 * `onPicture` gets a picture and what was moved; `onError` gets a message. */
export function makeKnobs(holder, { knobs, host, strips, onPicture, onError }) {
  const table = document.createElement("div");
  const undo = document.createElement("button");
  table.className = "knobs";
  undo.type = "button";
  undo.textContent = "As it was";
  holder.append(table, undo);
  let animal = null; // which drawing
  let traits = {}; // where its knobs stand
  let own = {}; // where they stood at first
  let busy = false;
  let wanted = null; // the newest move that has not been drawn

  function makeSlider(knob) {
    const input = document.createElement("input");
    const { low, high, step } = knob;
    Object.assign(input, { type: "range", min: low, max: high, step });
    input.addEventListener("input", () => move(knob, input.valueAsNumber));
    return input;
  }

  function makeChoice(knob) {
    const input = document.createElement("select");
    input.append(...knob.options.map((option) => new Option(option, option)));
    input.addEventListener("change", () => move(knob, input.value));
    return input;
  }

  const rows = knobs.map((knob) => {
    const label = document.createElement("label");
    const value = document.createElement("output");
    const input = knob.options ? makeChoice(knob) : makeSlider(knob);
    input.dataset.trait = knob.trait;
    input.setAttribute("aria-label", knob.label);
    label.append(knob.label, input, value);
    table.append(label);
    return { knob, label, input, value };
  });

  function showValues() {
    for (const { knob, input, value } of rows) {
      input.value = traits[knob.trait];
      value.textContent = knob.options ? "" : sayValue(traits[knob.trait]);
    }
  }

  const makePicture = ({ knob, value }) => {
    if (host) return askForDrawing(host, animal, traits);
    return cutOutOfStrip(strips[animal][knob.trait], value);
  };

  /** Draw the newest move. Moves that come meanwhile replace each other. */
  async function drawNewest() {
    if (busy || !wanted) return;
    const move = wanted;
    const drawing = animal;
    wanted = null;
    busy = true;
    try {
      const picture = await makePicture(move);
      if (drawing === animal) onPicture(picture, `${move.knob.label} ${sayValue(move.value)}`);
    } catch (error) {
      onError(`The drawing could not be made: ${error.message}`);
    }
    busy = false;
    drawNewest();
  }

  function move(knob, value) {
    if (host) traits[knob.trait] = value;
    else traits = { ...own, [knob.trait]: recordedValue(strips[animal][knob.trait], value) }; // a strip moves one trait
    wanted = { knob, value: traits[knob.trait] };
    showValues();
    drawNewest();
  }
  undo.addEventListener("click", () => {
    traits = { ...own };
    showValues();
    onPicture(null, "");
  });

  return {
    /** The traits that have been moved, by name; null if no drawing is on the screen. */
    moved: () => animal !== null && Object.fromEntries(Object.entries(traits).filter(([name, value]) => value !== own[name])),
    /** The drawing on the screen; null if another picture is. */
    show(number, itsTraits) {
      animal = number;
      wanted = null;
      own = itsTraits ?? {};
      traits = { ...own };
      const recorded = strips[number] ?? {};
      holder.hidden = number === null || !(host || strips[number]);
      if (holder.hidden) return;
      for (const { knob, label } of rows) label.hidden = !host && !recorded[knob.trait];
      showValues();
    },
  };
}
