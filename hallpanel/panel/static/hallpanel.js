/* What a script adds to pages that work without it: sheets, type-to-search, ticking many, warnings, short cuts. */
(function () {
  "use strict";
  const root = document.documentElement;
  const body = document.body;
  const word = (name) => body.dataset["word" + name] || "";
  const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);
  const make = (tag, attributes, text) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const cross = () => {
    const holder = make("span", { class: "cross", "aria-hidden": "true" }, "×");
    return holder;
  };

  /* Light and dark follow the device while it is left to the device. */
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => {
    if (root.dataset.theme === "auto") root.dataset.bsTheme = dark.matches ? "dark" : "light";
  });

  /* Menus: one open at a time, closed by Escape or a click beside, never cut off by a scrolling table. */
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== except && !menu.contains(except)) menu.open = false;
    }
  };
  const placeMenu = (menu) => {
    const box = menu.querySelector(".menu-box");
    if (!box || !menu.closest(".table-box")) return;
    const handle = menu.querySelector("summary").getBoundingClientRect();
    box.style.position = "fixed";
    box.style.inset = "auto";
    const below = handle.bottom + box.offsetHeight + 12 < innerHeight;
    box.style.top = (below ? handle.bottom + 6 : Math.max(8, handle.top - box.offsetHeight - 6)) + "px";
    box.style.left = Math.max(8, Math.min(handle.right - box.offsetWidth, innerWidth - box.offsetWidth - 8)) + "px";
  };
  const keepInView = (menu) => {
    const box = menu.querySelector(".menu-box");
    if (!box || getComputedStyle(box).position !== "absolute") return;
    box.style.transform = "";
    const place = box.getBoundingClientRect();
    const wide = root.clientWidth;
    if (place.left < 12) box.style.transform = `translateX(${12 - place.left}px)`;
    else if (place.right > wide - 12) box.style.transform = `translateX(${wide - 12 - place.right}px)`;
  };
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLDetailsElement) || !menu.matches("[data-menu]") || !menu.open) return;
    closeMenus(menu);
    placeMenu(menu);
    keepInView(menu);
  }, true);
  addEventListener("scroll", (event) => {
    if (event.target instanceof Element && event.target.closest(".menu-box")) return;
    for (const menu of document.querySelectorAll(".table-box details[data-menu][open]")) menu.open = false;
  }, { capture: true, passive: true });
  document.addEventListener("click", (event) => {
    closeMenus(closest(event, "details[data-menu]"));
    if (closest(event, "[data-print]")) { closeMenus(); print(); }
  });

  /* Ticking many rows: all, ranges with Shift, a bar that counts. */
  let lastTicked = null;
  const ticks = () => [...document.querySelectorAll("[data-select]")];
  const countTicks = () => {
    const bar = document.querySelector("[data-bulk-bar]");
    if (!bar) return;
    const boxes = ticks();
    const chosen = boxes.filter((box) => box.checked).length;
    bar.classList.toggle("bulk-on", chosen > 0);
    bar.querySelector("[data-bulk-count]").textContent = word("Selected").replace("{n}", chosen);
    const all = document.querySelector("[data-select-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  };
  document.addEventListener("click", (event) => {
    const box = closest(event, "[data-select]");
    if (box) {
      const boxes = ticks();
      if (event.shiftKey && lastTicked && boxes.includes(lastTicked)) {
        const [from, to] = [boxes.indexOf(lastTicked), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const other of boxes.slice(from, to + 1)) other.checked = box.checked;
      }
      lastTicked = box;
      countTicks();
    } else if (closest(event, "[data-select-none], [data-select-every]")) {
      for (const other of ticks()) other.checked = Boolean(closest(event, "[data-select-every]"));
      countTicks();
    }
  });
  document.addEventListener("change", (event) => {
    const all = closest(event, "[data-select-all]");
    if (!all) return;
    for (const box of ticks()) box.checked = all.checked;
    countTicks();
  });

  /* A table wider than its page shows how long is left under the state, so that no column is out of sight. */
  for (const table of innerWidth < 576 ? [] : document.querySelectorAll(".table-bulk")) {
    const box = table.closest(".table-box");
    if (box.scrollWidth <= box.clientWidth) continue;
    const column = table.querySelector("td.limit")?.cellIndex;
    if (!column || !table.querySelector("td.state")) continue;
    for (const row of table.rows) {
      const limit = row.cells[column];
      row.querySelector("td.state")?.append(...limit.querySelectorAll(".chip"));
      limit.hidden = true;
    }
  }

  /* Sheets: the page of a transition slides over the page it was opened from. */
  const openDialog = (kind, opener) => {
    const dialog = make("dialog", { class: kind });
    const close = make("button", { type: "button", class: "icon-button sheet-close", "aria-label": word("Close"), "data-close-sheet": "" });
    close.append(cross());
    const inside = make("div", { class: "sheet-body" });
    dialog.append(close, inside);
    body.append(dialog);
    dialog.addEventListener("close", () => { dialog.remove(); if (opener && opener.isConnected) opener.focus(); });
    dialog.addEventListener("click", (event) => { if (event.target === dialog && mayLeave(dialog)) dialog.close(); });
    dialog.addEventListener("cancel", (event) => { if (!mayLeave(dialog)) event.preventDefault(); });
    dialog.showModal();
    return [dialog, inside];
  };
  const openSheet = async (url, options, opener, fallback) => {
    if (typeof HTMLDialogElement !== "function") return fallback();
    const [dialog, inside] = openDialog("sheet", opener);
    inside.append(make("p", { class: "sheet-wait", role: "status" }, "…"));
    try {
      const headers = { "X-Sheet": "1", "X-Requested-With": "fetch" };
      const answer = await fetch(url, { ...options, headers, credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".sheet-page");
      if (!page) { dialog.close(); return fallback(); }
      inside.replaceChildren(document.adoptNode(page));
      dialog.setAttribute("aria-label", page.dataset.sheetTitle || "");
      enhance(inside);
      // An optional remark is not worth the keyboard that covers the button.
      const first = inside.querySelector("[aria-invalid=true], .field [required]:not([hidden])") || inside.querySelector(".act-foot .btn");
      // The button of the foot is always in sight: no reason to scroll the sentence away.
      if (first) first.focus({ preventScroll: first.closest(".act-foot") !== null });
    } catch (problem) {
      inside.replaceChildren(make("p", { class: "nothing", role: "alert" }, word("Failed")));
    }
    return undefined;
  };
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const closer = closest(event, "[data-close-sheet]");
    if (closer && closer.closest("dialog")) {
      event.preventDefault();
      if (mayLeave(closer.closest("dialog"))) closer.closest("dialog").close();
      return;
    }
    const below = closest(event, "dialog a[href*='#']");
    if (below && below.pathname === location.pathname && below.search === location.search) {
      // It leads to a part of the page under the sheet, which must be shut first.
      event.preventDefault();
      below.closest("dialog").addEventListener("close", () => location.assign(below.href), { once: true });
      below.closest("dialog").close();
      return;
    }
    const link = closest(event, "a[data-sheet]");
    if (!link || link.closest("dialog")) return;
    event.preventDefault();
    closeMenus();
    openSheet(link.href, { method: "GET" }, link, () => location.assign(link.href));
  });
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.matches("[data-sheet-submit]")) return;
    event.preventDefault();
    const form = event.target;
    const data = new URLSearchParams(new FormData(form));
    openSheet(button.formAction, { method: "POST", body: data }, button, () => {
      form.action = button.formAction;
      form.submit();
    });
  });

  /* What was typed is not lost by leaving, and a form goes once. */
  const dirty = new WeakSet();
  let leaving = false;
  const mayLeave = (part) => {
    const open = [...part.querySelectorAll("form[data-guard]")].some((form) => dirty.has(form));
    return !open || confirm(word("Leave"));
  };
  const touch = (event) => {
    const form = closest(event, "form[data-guard]");
    if (form) dirty.add(form);
  };
  document.addEventListener("input", touch);
  document.addEventListener("change", touch);
  addEventListener("beforeunload", (event) => {
    if (leaving) return;
    if ([...document.querySelectorAll("form[data-guard]")].some((form) => dirty.has(form))) event.preventDefault();
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const form = event.target;
    if (form.matches("[data-guard], [data-once]")) leaving = true;
    if (form.matches("[data-skip-empty]")) {
      for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
    }
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    leaving = false;
    for (const form of document.querySelectorAll("form")) {
      delete form.dataset.sent;
      for (const field of form.elements) field.disabled = false;
      for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
    }
    countTicks();
  });

  /* Relation fields: type to search. The select stays in the form and carries the value. */
  let lookups = 0;
  const enhanceLookup = (select) => {
    if (select.dataset.ready || select.multiple) return;
    select.dataset.ready = "yes";
    const number = ++lookups;
    const blank = select.querySelector('option[value=""]');
    const box = make("div", { class: "lookup" });
    const input = make("input", {
      class: "form-control", type: "text", role: "combobox", autocomplete: "off", spellcheck: "false",
      "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `lookup-${number}`, id: `${select.id}-typed`,
    });
    for (const name of ["aria-describedby", "aria-invalid", "required"]) {
      if (select.hasAttribute(name)) input.setAttribute(name.replace("required", "aria-required"), select.getAttribute(name) || "true");
    }
    if (select.classList.contains("is-invalid")) input.classList.add("is-invalid");
    input.placeholder = (blank && blank.textContent.trim()) || word("Type");
    const clear = make("button", { type: "button", class: "icon-button lookup-clear", "aria-label": word("Clear"), tabindex: "-1" });
    clear.append(cross());
    const list = make("div", { class: "lookup-list", id: `lookup-${number}`, role: "listbox", hidden: "" });
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    if (label) {
      label.htmlFor = input.id;
      list.setAttribute("aria-label", label.textContent.trim());
    }
    select.after(box);
    box.append(input, clear, list);
    select.hidden = true;
    let options = [];
    let at = -1;
    let timer = 0;
    let asked = 0;
    const shown = () => (select.selectedOptions[0] && select.value ? select.selectedOptions[0].textContent.trim() : "");
    const settle = () => { input.value = shown(); clear.hidden = !select.value; };
    const shut = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); at = -1; };
    const mark = (index) => {
      options.forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
      at = index;
      if (options[at]) {
        input.setAttribute("aria-activedescendant", options[at].id);
        options[at].scrollIntoView({ block: "nearest" });
      }
    };
    const choose = (value, text) => {
      let option = [...select.options].find((one) => one.value === String(value));
      if (!option) { option = new Option(text, value); select.append(option); }
      select.value = String(value);
      select.dispatchEvent(new Event("change", { bubbles: true }));
      settle();
      shut();
    };
    const show = (pairs) => {
      list.replaceChildren();
      options = pairs.map(([value, text], i) => {
        const option = make("div", { class: "lookup-option", role: "option", id: `lookup-${number}-${i}`, "aria-selected": "false" }, text);
        option.dataset.value = value;
        list.append(option);
        return option;
      });
      if (!options.length) list.append(make("div", { class: "lookup-note", role: "status" }, word("NothingFound")));
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      mark(options.length ? 0 : -1);
    };
    const local = (query) => [...select.options].filter((one) => one.value && one.textContent.toLowerCase().includes(query.toLowerCase()))
      .slice(0, 20).map((one) => [one.value, one.textContent.trim()]);
    const ask = async (query) => {
      const turn = ++asked;
      if (!select.dataset.lookup) { show(local(query)); return; }
      try {
        const url = new URL(select.dataset.lookup, location.href);
        url.searchParams.set("query", query);
        const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const pairs = await answer.json();
        if (turn === asked) show(pairs);
      } catch (problem) {
        if (turn === asked) show(local(query));
      }
    };
    const later = (query) => { clearTimeout(timer); timer = setTimeout(() => ask(query), 150); };
    input.addEventListener("input", () => later(input.value.trim()));
    input.addEventListener("focus", () => input.select());
    input.addEventListener("click", () => { if (list.hidden) ask(""); });
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) { ask(""); return; }
        if (options.length) mark((at + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length);
      } else if (event.key === "Enter" && !list.hidden) {
        event.preventDefault();
        if (options[at]) choose(options[at].dataset.value, options[at].textContent);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        shut();
        settle();
      }
    });
    input.addEventListener("blur", () => setTimeout(() => {
      clearTimeout(timer);
      asked += 1;
      shut();
      if (input.value.trim() === "" && blank) choose("", "");
      settle();
    }, 150));
    list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const option = closest(event, ".lookup-option");
      if (option) choose(option.dataset.value, option.textContent);
    });
    clear.addEventListener("click", () => { choose("", ""); input.focus(); });
    if (!blank) clear.remove();
    settle();
  };
  const enhance = (part) => part.querySelectorAll("select[data-lookup]").forEach(enhanceLookup);

  /* Calendar: a day opens who is away and what for. */
  const openDay = (index, opener) => {
    const grid = document.querySelector(".month-grid");
    const head = grid.querySelector(`th[data-day="${index}"]`);
    const [dialog, inside] = openDialog("day-sheet", opener);
    const heading = make("h2", {}, head.dataset.dayText);
    dialog.setAttribute("aria-label", heading.textContent);
    const list = make("ul", { class: "day-list" });
    for (const row of grid.querySelectorAll("tr[data-person]")) {
      for (const leave of row.querySelectorAll(`td[data-day="${index}"] [data-leave]`)) {
        const line = leave.href ? make("a", { href: leave.href }) : make("span", {});
        const sign = make("span", { class: leave.className, "aria-hidden": "true" }, leave.firstChild.textContent);
        sign.classList.remove("leave-am", "leave-pm", "leave-day");
        line.append(sign, make("span", {}, leave.title));
        const item = make("li", {});
        item.append(line);
        list.append(item);
      }
    }
    inside.append(heading, list.children.length ? list : make("p", { class: "nothing" }, word("NobodyAway")));
  };
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const cell = closest(event, ".month-grid [data-day]");
    if (!cell || closest(event, "dialog")) return;
    event.preventDefault();
    openDay(cell.dataset.day, closest(event, "a, button") || cell.closest("table").querySelector(`[data-day-open="${cell.dataset.day}"]`));
  });
  for (const box of document.querySelectorAll("[data-month]")) {
    const today = box.querySelector("[data-today]");
    if (today) box.scrollLeft = Math.max(0, today.offsetLeft - box.clientWidth / 2);
  }

  /* Good news leaves by itself; everything else stays until it is read. */
  const toasts = make("div", { class: "toasts", role: "status", "aria-live": "polite" });
  body.append(toasts);
  const toast = (flash) => {
    const close = make("button", { type: "button", class: "icon-button", "aria-label": word("Close") });
    close.append(cross());
    close.addEventListener("click", () => flash.remove());
    flash.append(close);
    flash.removeAttribute("role");
    toasts.append(flash);
    let clock = setTimeout(() => flash.remove(), 7000);
    flash.addEventListener("mouseenter", () => clearTimeout(clock));
    flash.addEventListener("mouseleave", () => { clock = setTimeout(() => flash.remove(), 3000); });
  };
  document.querySelectorAll('[data-flash="success"], [data-flash="info"]').forEach(toast);

  /* A fact is changed where it stands: its pencil puts an input in the place of its words. */
  let edits = 0;
  const templateOf = (place) => document.querySelector(`template[data-inline-form="${place.dataset.inline}"]`).content;
  const shutEdit = (place) => {
    place.querySelector("form")?.remove();
    place.classList.remove("inline-open");
    place.querySelector("[data-inline-open]").focus();
  };
  const showFact = (place, said) => {
    const text = place.querySelector("[data-inline-text]");
    place.dataset.value = said.value;
    place.closest("tr").dataset.version = said.version;
    (text.querySelector("a") || text).replaceChildren(said.text || make("span", { class: "nothing" }, "—"));
    const flash = templateOf(place).lastElementChild.cloneNode(true);
    flash.querySelector("span").textContent = said.said;
    toast(flash);
  };
  const sendEdit = async (place, form) => {
    const { id, version } = place.closest("tr").dataset;
    const data = new URLSearchParams([...new FormData(form), ["list_form_pk", id], ["version", version]]);
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" }, credentials: "same-origin" });
      const said = await answer.json();
      return answer.ok ? said : { error: said.error || form.dataset.failed };
    } catch (problem) {
      return { error: form.dataset.failed };
    }
  };
  const openEdit = (place) => {
    const form = templateOf(place).firstElementChild.cloneNode(true);
    const input = form.querySelector("[data-inline-input]");
    const error = form.querySelector(".field-error");
    input.id = `inline-${++edits}`;
    error.id = `${input.id}-error`;
    input.value = place.dataset.value;
    input.setAttribute("aria-label", place.querySelector("[data-inline-open]").getAttribute("aria-label"));
    input.setAttribute("aria-describedby", error.id);
    const complain = (sentence) => {
      error.textContent = sentence;
      input.setAttribute("aria-invalid", "true");
      input.classList.add("is-invalid");
      input.focus();
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.sent) return;
      if (input.validity.badInput) { complain(input.validationMessage); return; }
      form.dataset.sent = "yes";
      form.querySelector("[type=submit]").setAttribute("aria-busy", "true");
      error.textContent = "";
      const said = await sendEdit(place, form);
      delete form.dataset.sent;
      form.querySelector("[type=submit]").removeAttribute("aria-busy");
      if (said.error) { complain(said.error); return; }
      showFact(place, said);
      if (form.isConnected) shutEdit(place);
    });
    form.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        shutEdit(place);
      } else if (event.key === "Enter" && event.target === input) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    form.querySelector("[data-inline-cancel]").addEventListener("click", () => shutEdit(place));
    place.append(form);
    place.classList.add("inline-open");
    input.focus();
    if (input.select) input.select();
  };
  document.addEventListener("click", (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const pencil = closest(event, "[data-inline-open]");
    if (!pencil) return;
    event.preventDefault();
    openEdit(pencil.closest("[data-inline]"));
  });

  /* Short cuts. */
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    const wantsSearch = ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") || (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey);
    if (wantsSearch && !document.querySelector("dialog[open]")) {
      const search = document.querySelector("[data-global-search]");
      if (!search) return;
      event.preventDefault();
      if (search.offsetParent === null) location.assign(search.form.action);
      else { search.focus(); search.select(); }
    } else if (event.key === "Escape") {
      const menu = document.querySelector("details[data-menu][open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    }
  });

  enhance(document);
  countTicks();
  const wrong = document.querySelector("[data-error-summary]");
  if (wrong) wrong.focus({ preventScroll: false });
})();
