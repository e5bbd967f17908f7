// One button for each unit; a click shows its card and hides the others. Without scripts the cards are a list to fold out.
function start(root) {
  const cards = Array.from(root.querySelectorAll(".cd-unit"));
  const bar = document.createElement("div");
  bar.className = "cd-choose";
  root.prepend(bar);
  const buttons = cards.map((card) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = card.dataset.name;
    button.addEventListener("click", () => show(card));
    bar.append(button);
    return button;
  });
  function show(chosen) {
    cards.forEach((card, i) => {
      card.hidden = card !== chosen;
      card.open = true;
      buttons[i].setAttribute("aria-pressed", String(card === chosen));
    });
  }
  show(cards[0]);
}
