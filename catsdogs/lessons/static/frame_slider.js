// A slider over pictures that were drawn beforehand: one of them is shown.
// `root` is the slider's element, `labels` what each picture shows.

function start(root, labels) {
  const slider = root.querySelector("input[type=range]"), shown = root.querySelector("label b");
  const pictures = [...root.querySelectorAll("img")];

  function update() {
    pictures.forEach((picture, i) => { picture.hidden = i !== Number(slider.value); picture.style.display = ""; });
    shown.textContent = labels[slider.value];
  }
  slider.addEventListener("input", update);
  update();
}
