// Sets light or dark before the first paint: what the person chose here, else what their system prefers.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("postroom-theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    document.documentElement.dataset.bsTheme = stored() || (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
  window.postroomToggleTheme = () => {
    const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("postroom-theme", next);
    } catch {
      // Private windows may refuse: then the choice lasts as long as the page.
    }
    document.documentElement.dataset.bsTheme = next;
  };
})();
