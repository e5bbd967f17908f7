// Which keys are for the page, and which belong to the setting that has the focus.

export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function belongsToSetting(key, focused) {
  if (key === "Escape") return false;
  if (focused.type === "range") return key in ARROWS || key.startsWith("Page");
  return focused instanceof HTMLSelectElement || focused instanceof HTMLInputElement;
}

/** Is a pressed key meant for the page, and not for the browser, an open dialog, or what has the focus? */
export function isForPage(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return false;
  const focused = document.activeElement;
  if (event.key === " " && focused instanceof HTMLButtonElement) return false;
  return !belongsToSetting(event.key, focused);
}
