// What comes along with the page: its parts, bytes as text in base 85, and tables as JSON.

export const part = (id) => document.getElementById(id);

const ALPHABET =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%:()*+-;,=.?@^_`{|}~";

/** The value of each character of the alphabet, by its code. */
function characterValues() {
  const values = new Uint8Array(128);
  for (let i = 0; i < ALPHABET.length; i++) values[ALPHABET.charCodeAt(i)] = i;
  return values;
}

/** Text in base 85 → the bytes that it stands for: five characters are four bytes. */
export function decodeBase85(text) {
  const values = characterValues();
  const missing = (5 - (text.length % 5)) % 5;
  const padded = text + "~".repeat(missing);
  const bytes = new Uint8Array((padded.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < padded.length; i += 5, at += 4) {
    let number = 0;
    for (let k = 0; k < 5; k++) number = number * 85 + values[padded.charCodeAt(i + k)];
    view.setUint32(at, number);
  }
  return bytes.subarray(0, bytes.length - missing);
}

export const hasAsset = (name) => document.getElementById(`asset-${name}`) !== null;

/** The bytes that the page carries under a name. */
export function readBytes(name) {
  const holder = document.getElementById(`asset-${name}`);
  const bytes = decodeBase85(holder.textContent);
  holder.remove();
  return bytes;
}

/** The table that the page carries under a name. */
export function readTable(name) {
  return JSON.parse(document.getElementById(`asset-${name}`).textContent);
}

/** The text that the page carries in compressed form. */
export async function unpackText(name) {
  const stream = new Blob([readBytes(name)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** The table that the page carries in compressed form. */
export const unpackTable = async (name) => JSON.parse(await unpackText(name));
