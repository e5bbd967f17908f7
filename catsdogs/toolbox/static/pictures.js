// Where pictures come from: drawings with their sliders, files, drops, the clipboard, the webcam.
import { part, readTable, unpackTable } from "./assets.js";
import { closeCamera, eachFrame, firstFile, openCamera, openFile } from "./input.js";
import { makeKnobs } from "./knobs.js";

/** Fill the page's controls. `give` gets {image, name, isVideo, age} with the age in milliseconds; `isBusy` says whether
 * a frame of the webcam has to wait; `say` shows a message; `onLive` hears that the webcam starts, stops, or is frozen. */
export function makePictures({ host, give, isBusy, say, onLive }) {
  const drawings = readTable("drawings");
  // `waiting` is when the newest frame of the webcam came; 0 if it has been given.
  const source = { live: false, frozen: false, waiting: 0, name: "", drawing: 0 };
  let knobs = null; // the sliders of drawings; null until their strips have been unpacked

  const isLive = () => source.live && !source.frozen;

  function giveNamed(image, name, more) {
    source.name = name;
    part("picture-name").textContent = name;
    give({ image, name, isVideo: false, age: 0, ...more });
  }

  function put(image, name) {
    stopCamera();
    say("");
    giveNamed(image, name);
  }

  function show(image, name) {
    knobs?.show(null);
    put(image, name);
  }

  async function showFile(file) {
    if (!file) return;
    try {
      show(await openFile(file), file.name || "from the clipboard");
    } catch (error) {
      say(error.message);
    }
  }

  async function showDrawing(index) {
    const { name, address, traits } = drawings[index];
    const image = new Image();
    image.src = address;
    await image.decode();
    source.drawing = index;
    put(image, name);
    knobs?.show(index, traits);
  }

  /** A knob of the drawing has been moved; without a picture the drawing is as it was. */
  function showMoved(image, moved) {
    if (!image) return showDrawing(source.drawing);
    put(image, `${drawings[source.drawing].name}, ${moved}`);
  }

  async function startKnobs() {
    const strips = await unpackTable("strips");
    knobs = makeKnobs(part("knobs"), { knobs: readTable("knobs"), host, strips, onPicture: showMoved, onError: say });
  }

  /** Give the webcam's newest frame, if there is one that has not been given, and somebody has time for it. */
  function giveFrame() {
    if (!isLive() || !source.waiting || isBusy()) return;
    const age = performance.now() - source.waiting;
    source.waiting = 0;
    give({ image: part("video"), name: source.name, isVideo: true, age });
  }

  function onFrame() {
    source.waiting = performance.now();
    giveFrame();
  }

  async function startCamera() {
    try {
      await openCamera(part("video"));
    } catch (error) {
      return say(error.message);
    }
    knobs?.show(null);
    Object.assign(source, { live: true, frozen: false, name: "webcam" });
    part("picture-name").textContent = "webcam";
    say("");
    showCamera();
    eachFrame(part("video"), onFrame, () => !source.live);
  }

  function stopCamera() {
    if (!source.live) return;
    source.live = false;
    closeCamera(part("video"));
    showCamera();
  }

  function showCamera() {
    part("camera").setAttribute("aria-pressed", String(source.live));
    part("freeze").disabled = !source.live;
    part("freeze").setAttribute("aria-pressed", String(source.frozen));
    document.documentElement.dataset.live = String(isLive());
    onLive();
  }

  function freeze() {
    if (!source.live) return;
    source.frozen = !source.frozen;
    showCamera();
    if (source.frozen) giveNamed(part("video"), source.name, { isVideo: true });
  }

  function makeDrawings() {
    drawings.forEach(({ name, address }, index) => {
      const button = document.createElement("button");
      const image = document.createElement("img");
      button.type = "button";
      button.title = name;
      image.src = address;
      image.alt = name;
      button.append(image);
      button.addEventListener("click", () => showDrawing(index));
      part("drawings").append(button);
    });
  }

  const pictures = {
    isLive,
    giveFrame,
    show,
    showFile,
    showDrawing,
    freeze,
    choose: () => part("file").click(),
    camera: () => (source.live ? stopCamera() : startCamera()),
    /** What the picture is: its name, whether it is the webcam's, and the traits of a drawing that have been moved. */
    describe() {
      const traits = knobs?.moved();
      return { name: source.name, live: source.live, drawing: traits && { animal: source.drawing, traits } };
    },
    /** Show the controls, and listen to them, and to files that are dropped or pasted. */
    async start() {
      makeDrawings();
      await startKnobs();
      part("choose").addEventListener("click", pictures.choose);
      part("camera").addEventListener("click", pictures.camera);
      part("freeze").addEventListener("click", freeze);
      part("file").addEventListener("change", (event) => {
        showFile(event.target.files[0]);
        event.target.value = "";
      });
      listenToFiles(document, showFile);
    },
  };
  return pictures;
}

/** Hear of files that are dropped on a page or pasted into it. */
export function listenToFiles(page, onFile) {
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    onFile(firstFile(event.dataTransfer));
  });
  page.addEventListener("paste", (event) => onFile(firstFile(event.clipboardData)));
}
