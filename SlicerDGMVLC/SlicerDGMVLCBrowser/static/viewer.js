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
  const REVIEW = { a: "accept", r: "reject", u: "undo", n: "next", j: "next", p: "previous", k: "previous" };
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
      window.trame.trigger("review_key", [REVIEW[key]]);
    }
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

  function download(address) {
    const link = document.createElement("a");
    link.href = address;
    link.download = "";
    document.body.appendChild(link);
    link.click();
    link.remove();
  }

  const install = () => {
    if (!window.trame?.utils) return setTimeout(install, 50);
    window.trame.utils.dgmvlc = { upload, download, pick: (id) => document.getElementById(id)?.click() };
  };
  install();
})();
