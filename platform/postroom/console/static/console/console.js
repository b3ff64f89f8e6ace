// Small comforts. Every page works without them.
"use strict";
(() => {
  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("is-done");
    setTimeout(() => button.classList.remove("is-done"), 1500);
  };

  const addRow = (button) => {
    const list = document.getElementById(button.dataset.addRow);
    const row = list.lastElementChild.cloneNode(true);
    const text = row.querySelector("input[type=text]");
    const radio = row.querySelector("input[type=radio]");
    text.value = "";
    radio.value = String(list.children.length);
    radio.checked = false;
    list.append(row);
    text.focus();
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-add-row], [data-toggle-theme]");
    if (!target) {
      return;
    }
    if ("copy" in target.dataset) {
      copy(target);
    } else if ("addRow" in target.dataset) {
      addRow(target);
    } else {
      window.postroomToggleTheme();
    }
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm || event.submitter?.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    // A look-up may take seconds: say that it runs, and take one press only.
    event.submitter?.classList.add("is-busy");
    event.target.addEventListener("submit", (again) => again.preventDefault(), { capture: true });
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) {
      event.target.form.requestSubmit();
    }
    if (event.target.matches("[data-shows]")) {
      showParts(event.target.form);
    }
  });

  // Parts of a form that matter only for one choice: data-when="routing=smart_hosts".
  const showParts = (form) => {
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, wanted] = part.dataset.when.split("=");
      part.hidden = !wanted.split("|").includes(new FormData(form).get(name));
    }
  };
  for (const form of document.querySelectorAll("form")) {
    showParts(form);
  }

  // A part that keeps itself up to date waits while somebody works in it, and while nobody looks.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    const keepsItselfFresh = part.getAttribute("hx-trigger")?.startsWith("every");
    const isInUse = part.querySelector("details.menu[open]") || part.querySelector(":focus-visible");
    if (keepsItselfFresh && (document.hidden || isInUse)) {
      event.preventDefault();
    }
  });

  // What somebody unfolded stays so when the part is renewed: found again by its words, and by which of those it is.
  const foldsOf = (part) => {
    const count = {};
    return [...part.querySelectorAll("details:not(.menu)")].map((fold) => {
      const words = fold.querySelector("summary").textContent.trim();
      count[words] = (count[words] || 0) + 1;
      return [`${words} ${count[words]}`, fold];
    });
  };
  const unfolded = new Map();
  // So does what was ticked: found again by its name and value.
  const boxesOf = (part) => [...part.querySelectorAll("input[type=checkbox][name]")].map((box) => [`${box.name} ${box.value}`, box]);
  const ticked = new Map();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    unfolded.set(part.id, new Set(foldsOf(part).filter(([, fold]) => fold.open).map(([name]) => name)));
    ticked.set(part.id, new Set(boxesOf(part).filter(([, box]) => box.checked).map(([name]) => name)));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, names] of unfolded) {
      const part = document.getElementById(id);
      for (const [name, fold] of part ? foldsOf(part) : []) {
        fold.open = fold.open || names.has(name);
      }
    }
    unfolded.clear();
    for (const [id, names] of ticked) {
      const part = document.getElementById(id);
      for (const [name, box] of part ? boxesOf(part) : []) {
        box.checked = box.checked || names.has(name);
      }
    }
    ticked.clear();
  });

  document.addEventListener("change", (event) => {
    const within = event.target.dataset?.tickAll;
    for (const [, box] of within ? boxesOf(document.querySelector(within)) : []) {
      box.checked = event.target.checked;
    }
  });

  // One open menu at a time, closed by a click beside it or Escape.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== except && !menu.contains(except)) {
        menu.open = false;
      }
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeMenus(null);
    }
  });
})();
