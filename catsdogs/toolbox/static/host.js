// The Python behind the page, if there is one: the kernel of a notebook, or the command that serves the page.
//
// A message is a JSON text with buffers beside it. Arrays of numbers are only mentioned in the text, as {numbers: which}.

const PATIENCE = 8000; // milliseconds without an answer, after which the page says so

/** A message as text and buffers. */
function pack(message) {
  const buffers = [];
  const mention = (key, value) => (ArrayBuffer.isView(value) ? { numbers: buffers.push(value) - 1 } : value);
  return { text: JSON.stringify(message, mention), buffers };
}

/** Text and buffers (each of them bytes) → the message. */
function unpack(text, buffers) {
  const bytesOf = (which) => buffers[which].slice();
  return JSON.parse(text, (key, value) => {
    if (typeof value?.numbers === "number") return new Float32Array(bytesOf(value.numbers).buffer);
    return typeof value?.bytes === "number" ? bytesOf(value.bytes) : value;
  });
}

const asBytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Pieces of bytes as one: how many there are, the length of each, and the pieces. */
function joinPieces(pieces) {
  const lengths = Uint32Array.of(pieces.length, ...pieces.map((piece) => piece.length));
  return new Blob([lengths, ...pieces]);
}

function splitPieces(bytes) {
  const view = new DataView(bytes.buffer);
  const count = view.getUint32(0, true);
  const pieces = [];
  for (let i = 0, at = 4 + 4 * count; i < count; i++) {
    const end = at + view.getUint32(4 + 4 * i, true);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** The command that served the page, at the page's own address. */
async function askServer(text, buffers) {
  const body = joinPieces([new TextEncoder().encode(text), ...buffers.map(asBytes)]);
  const response = await fetch(location.href, { method: "POST", body }).catch(() => null);
  if (!response) throw new Error("catsdogs toolbox has ended; start it again");
  if (!response.ok) throw new Error(`catsdogs toolbox refused (${response.status}); reload its newest address`);
  const [answer, ...found] = splitPieces(new Uint8Array(await response.arrayBuffer()));
  return unpack(new TextDecoder().decode(answer), found);
}

/** The notebook around this page, which hands messages on to the kernel. */
function kernelAsker() {
  const waiting = new Map();
  let ended = null;
  function end() {
    ended = new Error("the kernel has ended; run the cell again");
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  }
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || !data.catsdogs) return;
    if (data.ended) return end();
    const answer = unpack(data.text, data.buffers);
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
  });
  return (text, buffers, id) =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended);
      waiting.set(id, { resolve, reject });
      parent.postMessage({ catsdogs: true, text, buffers: buffers.map((view) => asBytes(view).slice()) }, "*");
    });
}

/** What to say while Python is late. */
export function lateText({ name }, isLate) {
  return isLate ? `No answer from ${name} so far. It may be busy. If it has ended, start it again, and then the toolbox.` : "";
}

/** Python, to be asked by `ask(message)`; null for a page that has none. `onSilence` hears whether an answer is late. */
export function findHost(kind, onSilence) {
  if (kind === "none") return null;
  const send = kind === "server" ? askServer : kernelAsker();
  let last = 0;
  return {
    name: kind === "server" ? "catsdogs toolbox" : "the kernel",
    async ask(message) {
      const id = ++last;
      const { text, buffers } = pack({ id, ...message });
      const late = setTimeout(() => onSilence(true), PATIENCE);
      try {
        const answer = await send(text, buffers, id);
        if (answer.type === "failed") throw new Error(answer.message);
        return answer;
      } finally {
        clearTimeout(late);
        onSilence(false);
      }
    },
  };
}
