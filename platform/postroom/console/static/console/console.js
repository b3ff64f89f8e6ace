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
    if (keepsItselfFresh && (document.hidden || part.querySelector("details.menu[open]"))) {
      event.preventDefault();
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
