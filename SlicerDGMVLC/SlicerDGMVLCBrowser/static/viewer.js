/* What templates cannot do: keys, uploads, downloads. */
(() => {
  const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -100000, End: 100000 };
  const typing = (target) => target && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) && target.type !== "range";

  window.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    window.trame?.trigger("scroll", [step]);
  }, true);

  // In the Review tab: one key, one step; never while somebody types, and never with a modifier.
  const REVIEW = { a: "accept", r: "reject", u: "undo", n: "next", j: "next", p: "previous", k: "previous", e: "edit" };
  window.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const comment = document.querySelector(".review-comment textarea:not(.v-textarea__sizer)");
    if (event.target === comment && event.key === "Escape") return comment.blur();
    if (window.trame?.state?.get("tab") !== "review" || typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (key === "c" && comment) {
      event.preventDefault();
      comment.focus();
    } else if (REVIEW[key] && !event.repeat) {
      event.preventDefault();
      // for the study that is seen now: another one may be on its way
      window.trame.trigger("review_key", [REVIEW[key], window.trame.state.get("review_study")]);
    }
  });

  // In the Edit tab, while a region is drawn: tools as in Slicer's Segment Editor.
  const DRAW = { p: "paint", e: "erase", d: "draw", o: "ellipse" };
  window.addEventListener("keydown", (event) => {
    const state = window.trame?.state;
    if (state?.get("tab") !== "edit" || typing(event.target) || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    const drawing = state.get("region_from") === "drawn" && state.get("layout") === "scan";
    const tool = event.ctrlKey ? { z: event.shiftKey ? "redo" : "undo", y: "redo" }[key] : drawing && DRAW[key];
    if (!tool) return;
    event.preventDefault();
    if (drawing) window.trame.trigger("draw", [tool]);
    else window.trame.trigger(`run_${tool}`);
  });

  async function upload(files) {
    const list = Array.from(files || []);
    if (!list.length) return;
    const batch = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
    const total = list.reduce((sum, file) => sum + file.size, 0) || 1;
    let done = 0;
    for (const file of list) {
      const query = new URLSearchParams({ batch, name: file.name });
      let answer;
      try {
        answer = await fetch(`upload?${query}`, { method: "POST", body: file });
      } catch {
        return window.trame.trigger("upload_failed", ["The upload broke off; choose the file again."]);
      }
      if (!answer.ok) return window.trame.trigger("upload_failed", [await answer.text()]);
      done += file.size;
      window.trame.state.set("upload_share", done / total);
    }
    return window.trame.trigger("uploaded", [batch]);
  }

  // Files, folders and archives dropped anywhere; without this the browser would leave the page.
  const listed = (entry) => new Promise((done) => {
    if (entry.isFile) return entry.file((file) => done([file]), () => done([]));
    const reader = entry.createReader();
    const all = [];
    const more = () => reader.readEntries(async (entries) => {
      if (!entries.length) return done((await Promise.all(all.map(listed))).flat());
      all.push(...entries);
      more();
    }, () => done([]));
    more();
  });
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", async (event) => {
    event.preventDefault();
    const entries = Array.from(event.dataTransfer?.items || [], (item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map(listed))).flat() : Array.from(event.dataTransfer?.files || []);
    if (window.trame?.state?.get("scan_busy") || window.trame?.state?.get("running")) return;
    upload(files);
  });

  // A page that lost its server says so, keeps what was typed, and connects again.
  const KEPT = "dgmvlc-typed";
  const LOST = "The viewer's server does not answer. What you typed is kept; start the server again, and this page connects by itself.";
  const MOVED = "The viewer was started anew, under another address. What you typed is kept: open the new address in this tab.";
  let typed = JSON.parse(sessionStorage.getItem(KEPT) || "{}"); // before the server was lost
  const keep = () => {
    const state = window.trame?.state;
    if (!state || ((typed.report || typed.target) && !state.get("scan_path"))) return; // not before it was given back
    const [scan, report, target] = ["scan_path", "report", "target"].map((name) => state.get(name) || "");
    sessionStorage.setItem(KEPT, JSON.stringify({ scan, report, target }));
  };
  let lost = false;
  async function alive() {
    try {
      const answer = await fetch("index.html", { method: "HEAD", cache: "no-store" });
      return answer.ok ? "" : answer.status === 403 ? MOVED : LOST;
    } catch {
      return LOST;
    }
  }
  async function watch() {
    const trouble = await alive();
    if (!trouble) {
      if (lost) return location.reload();
      restore();
      keep();
    } else {
      lost = true;
      const banner = document.getElementById("lost-server") || document.body.appendChild(document.createElement("div"));
      banner.id = "lost-server";
      banner.setAttribute("role", "alert");
      banner.textContent = trouble;
    }
    setTimeout(watch, lost ? 2000 : 5000);
  }
  setTimeout(watch, 5000);
  // What was typed goes back to the scan it was typed for, never to another patient's.
  function restore() {
    const state = window.trame?.state;
    if (!state || !(typed.report || typed.target) || (state.get("scan_path") || "") !== (typed.scan || "")) return;
    for (const name of ["report", "target"]) if (typed[name] && !state.get(name)) state.set(name, typed[name]);
    typed = {};
  }

  // What is typed while the page waits for another answer is kept back until that answer comes; an
  // answer that never comes would keep it for ever. So whatever waits longer than this is sent.
  const PATIENCE_MS = 1500;
  let waiting = 0;
  setInterval(() => {
    const state = window.trame?.state;
    const client = window.trame?.client;
    if (!state || !client?.isConnected()) return;
    if (!state.dirtyKeys?.size) waiting = 0;
    else if (!client.isBusy()) state.flush();
    else if (!waiting) waiting = Date.now();
    else if (Date.now() - waiting > PATIENCE_MS) {
      const keys = Array.from(state.dirtyKeys);
      state.dirtyKeys.clear();
      waiting = 0;
      client.getRemote().Trame.updateState(keys.map((key) => ({ key, value: state.get(key) })));
    }
  }, 300);

  // Presets, fit and the card of keys, in every tab.
  const PRESETS = { 1: "lung", 2: "mediastinum", 3: "bone" };
  const POINTERS = { v: "window", l: "ruler", m: "area" };
  const SLABS = [0, 10, 20, 30];
  window.addEventListener("keydown", (event) => {
    const state = window.trame?.state;
    if (!state || typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (PRESETS[event.key]) {
      state.set("preset", PRESETS[event.key]);
      window.trame.trigger("preset"); // the same one again takes a dragged window back
    }
    else if (event.key === "?") state.set("help", !state.get("help"));
    else if (POINTERS[event.key.toLowerCase()]) state.set("pointer", POINTERS[event.key.toLowerCase()]);
    else if (event.key.toLowerCase() === "s") state.set("slab", SLABS[(SLABS.indexOf(state.get("slab")) + 1) % SLABS.length]);
    else if (event.key.toLowerCase() === "g") window.trame.trigger("to_change");
    else if (event.key.toLowerCase() === "f") window.trame.trigger("fit");
    else if (event.key.toLowerCase() === "x") event.repeat || window.trame.trigger("swap", [true]);
    else if (event.key === "Escape") {
      state.set("help", false);
      window.trame.trigger("unmark");
    }
  });
  window.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "x") window.trame?.trigger("swap", [false]);
  });

  function download(address) {
    const link = document.createElement("a");
    link.href = address;
    link.download = "";
    document.body.appendChild(link);
    link.click();
    link.remove();
  }

  let asked = false; // by this tab; every tab hears of the scene
  function save() {
    asked = true;
    window.trame.trigger("save");
  }
  function saved(address) { // none where it was stopped or failed
    if (asked && address) download(address);
    asked = false;
  }

  const install = () => {
    if (!window.trame?.utils) return setTimeout(install, 50);
    setTimeout(restore, 1500);
    window.trame.utils.dgmvlc = { upload, save, saved, pick: (id) => document.getElementById(id)?.click() };
  };
  install();
})();
