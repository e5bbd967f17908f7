// The toolbox in a notebook: the same page in a frame of its own, and a way for its messages to the kernel.
// In a frame the keys of the page do not reach the notebook, where the same keys delete cells.

async function readPage(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function makeFrame(title, height) {
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.allow = "camera; clipboard-write";
  frame.style.cssText = `display: block; width: 100%; height: ${height}px; border: 0; border-radius: 8px`;
  return frame;
}

async function render({ model, el }) {
  const frame = makeFrame("toolbox", model.get("height"));
  const view = String(Math.random()); // the same model may be on the screen twice
  const tell = (message) => frame.contentWindow?.postMessage({ catsdogs: true, ...message }, "*");

  function onQuestion({ source, data }) {
    if (source !== frame.contentWindow || !data.catsdogs) return;
    model.send({ view, text: data.text }, undefined, data.buffers);
  }
  function onAnswer(content, buffers) {
    if (content.view !== view) return;
    const bytes = buffers.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength).slice());
    tell({ text: content.text, buffers: bytes });
  }
  const onEnd = () => tell({ ended: true });

  window.addEventListener("message", onQuestion);
  model.on("msg:custom", onAnswer);
  model.on("comm_live_update", onEnd);
  el.append(frame);
  frame.srcdoc = await readPage(model.get("page"));
  return () => {
    window.removeEventListener("message", onQuestion);
    model.off("msg:custom", onAnswer);
    model.off("comm_live_update", onEnd);
  };
}

export default { render };
