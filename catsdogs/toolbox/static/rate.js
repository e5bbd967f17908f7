// How fast the page is: pictures a second, and milliseconds from a frame to its picture.

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Counts what has been drawn; keeps `fps`, `latency` and `inference` on the document's root. */
export function makeRate(root) {
  let drawn = [];
  let latencies = [];
  let inferences = [];
  return {
    add(latency, inference) {
      const now = performance.now();
      drawn = [...drawn.filter((time) => now - time < 2000), now];
      latencies = [...latencies.slice(-39), latency];
      inferences = [...inferences.slice(-39), inference];
      const span = now - drawn[0];
      root.dataset.fps = drawn.length > 1 ? (((drawn.length - 1) * 1000) / span).toFixed(1) : "0";
      root.dataset.latency = median(latencies).toFixed(1);
      root.dataset.inference = median(inferences).toFixed(1);
    },
    reset() {
      drawn = [];
      latencies = [];
      inferences = [];
    },
  };
}
