/* Runs in browsers as it stands, without types. */
/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return */
"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector) => [...document.querySelectorAll(selector)];

  // The theme: the system's until the reader chooses.
  const stored = (() => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  })();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  document.getElementById("theme").addEventListener("click", () => {
    const shown = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = shown === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      /* a private window forgets */
    }
  });

  // Samples call the server that the page came from.
  if (location.protocol.startsWith("http")) {
    for (const element of all(".origin")) element.textContent = location.origin;
    for (const element of all(".socket-origin")) element.textContent = location.origin.replace(/^http/, "ws");
  }

  const filter = document.getElementById("filter");
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (element) => words.every((word) => element.dataset.words.includes(word));
    let shown = 0;
    for (const element of all("main [data-words]")) {
      element.hidden = !matches(element);
      if (!element.hidden) shown += 1;
    }
    for (const link of all("nav .group a")) link.hidden = document.getElementById(link.getAttribute("href").slice(1)).hidden;
    for (const group of all("nav .group")) group.hidden = group.querySelector("a:not([hidden])") === null;
    for (const title of all("h2.tag")) {
      let next = title.nextElementSibling;
      let used = false;
      for (; next !== null && !next.matches("h2.tag"); next = next.nextElementSibling)
        if (next.matches("section:not([hidden])")) used = true;
      title.hidden = !used;
    }
    document.getElementById("nothing").hidden = shown > 0;
  };
  filter.addEventListener("input", () => {
    apply();
    if (filter.value !== "") open(true);
  });

  // On a narrow page the list of operations folds away.
  const menu = document.getElementById("menu");
  const nav = document.querySelector("nav");
  const open = (isOpen) => {
    nav.classList.toggle("open", isOpen);
    menu.setAttribute("aria-expanded", String(isOpen));
  };
  menu.addEventListener("click", () => open(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => {
    if (event.target.closest("a") !== null) open(false);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    }
    if (event.key === "Escape" && document.activeElement === filter) {
      filter.value = "";
      apply();
      filter.blur();
    }
  });

  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const text = button.closest("figure").querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => {
        button.textContent = "Copy";
      }, 1500);
    });
  }

  const links = new Map(all("nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.classList.remove("current");
        const link = links.get(entry.target.id);
        if (link === undefined) continue;
        link.classList.add("current");
        // The list follows the reader, and moves nothing but itself.
        const [own, list] = [link.getBoundingClientRect(), nav.getBoundingClientRect()];
        if (own.top < list.top + 40) nav.scrollTop -= list.top + 40 - own.top;
        else if (own.bottom > list.bottom - 40) nav.scrollTop += own.bottom - list.bottom + 40;
      }
    },
    { rootMargin: "0px 0px -75% 0px" },
  );
  for (const section of all("main section")) observer.observe(section);
})();
