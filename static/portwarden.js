// Everything here only improves pages that work without it. No eval, no inline handlers, nothing from elsewhere.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // Runs before the body is there, so that nothing flashes.
  root.classList.add("js");
  const paint = () => {
    const wanted = root.dataset.theme;
    root.dataset.bsTheme = wanted === "light" || wanted === "dark" ? wanted : dark.matches ? "dark" : "light";
  };
  paint();
  dark.addEventListener("change", paint);

  document.addEventListener("DOMContentLoaded", () => {
    // No attribute of a page may ever become code, whatever the browser's policy allows.
    window.htmx?.registerExtension("no-eval", {
      init: (api) => {
        const refuse = function () { throw new Error("evaluating code is switched off"); };
        api.initSecurity(null, refuse, refuse);
      },
    });
    if (document.querySelector(".problem[role=alert]")) document.querySelector(".problem[role=alert]").tabIndex = -1;
  });

  // Parts bring no scripts: whatever looks like one is taken out before it is put in.
  document.addEventListener("htmx:before:swap", (event) => {
    for (const task of event.detail.tasks ?? []) {
      task.fragment?.querySelectorAll?.("script").forEach((script) => script.remove());
    }
  });

  const say = (text, kind = "info") => {
    const box = document.getElementById("toasts");
    if (!box) return;
    const line = document.createElement("p");
    line.className = `toast-line is-${kind}`;
    line.textContent = text;
    box.replaceChildren(line);
    window.setTimeout(() => line.remove(), 8000);
  };
  document.addEventListener("htmx:response:error", (event) => {
    const status = event.detail.ctx?.response?.status;
    if (status !== 400 && status !== 422) say(`That did not work (${status}). Try again in a moment.`, "error");
  });
  document.addEventListener("htmx:error", () => say("The server cannot be reached. Try again in a moment.", "error"));

  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea");
      field.value = text;
      field.className = "visually-hidden";
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    button.classList.add("is-done");
    say("Copied.");
    window.setTimeout(() => button.classList.remove("is-done"), 1500);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy !== undefined) copy(button.dataset.copy, button);
    if (button?.dataset.copyCode !== undefined) copy(button.parentElement.querySelector("code").textContent.trim(), button);
    if (button?.dataset.dismiss !== undefined) button.closest(".toast-line").remove();
    if (button?.dataset.menu !== undefined) {
      const open = document.body.classList.toggle("menu-open");
      button.setAttribute("aria-expanded", String(open));
      if (open) (document.querySelector("#side a[aria-current]") ?? document.querySelector("#side a"))?.focus();
    } else if (!event.target.closest("#side")) closeMenu();
    document.querySelectorAll("details.person[open], details.sure[open]").forEach((box) => {
      if (!box.contains(event.target)) box.open = false;
    });
  });

  const closeMenu = () => {
    document.body.classList.remove("menu-open");
    document.querySelector("[data-menu]")?.setAttribute("aria-expanded", "false");
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.getElementById("search");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
    if (event.key === "Escape") {
      if (document.body.classList.contains("menu-open")) { closeMenu(); document.querySelector("[data-menu]")?.focus(); }
      document.querySelectorAll("details.person[open], details.sure[open]").forEach((box) => { box.open = false; });
    }
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-autosubmit]");
    if (form) form.requestSubmit();
  });

  // The theme changes at once; the cookie tells the server for the next page.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const wanted = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.theme = wanted;
    paint();
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${wanted}; path=/; max-age=31536000; samesite=lax${secure}`;
  });

  // Exact times on hover, in the reader's own timezone.
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest?.("time[datetime]");
    if (!time || time.dataset.local) return;
    time.dataset.local = "1";
    time.title = `${local.format(new Date(time.dateTime))} · ${time.title}`;
  });
})();
