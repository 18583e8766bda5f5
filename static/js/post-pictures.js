// Images of a post: upload files, each into a row of its own, and say at once what is wrong with a typed address.
"use strict";

{
  const uploads = document.querySelector("[data-upload]");
  const rows = document.querySelector("[data-ordered][data-prefix='images']");
  const form = document.getElementById("post-form");
  const NO_ANSWER = "The site does not answer. Try again.";

  const post = async (address, fields) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    // A redirect leads to the sign-in page.
    const answer = await fetch(address, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (!answer) return { problem: NO_ANSWER };
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      return { problem: "You are signed out. Sign in in another tab, then try again." };
    }
    if (answer.status === 413) return { problem: "The file has more than 10 MB. Make the picture smaller." };
    return answer.json().catch(() => ({ problem: NO_ANSWER }));
  };

  const field = (row, name) => row.querySelector(`[name$='-${name}']`);
  const set = (row, name, value) => {
    field(row, name).value = value;
    field(row, name).dispatchEvent(new Event("input", { bubbles: true }));
  };
  const show = (row, address) => {
    const place = row.querySelector(".thumb");
    const picture = document.createElement("img");
    picture.className = "thumb";
    picture.alt = "";
    picture.width = 98;
    picture.height = 60;
    picture.src = address;
    place?.replaceWith(picture);
  };
  const tell = (row, words, problems) => {
    let told = row.querySelector(".image-row__told");
    if (!told) {
      told = document.createElement("div");
      told.className = "image-row__told";
      told.setAttribute("role", "status");
      row.querySelector(".image-row__fields").append(told);
    }
    told.replaceChildren(...[words, ...problems].filter(Boolean).map((text) => {
      const line = document.createElement("p");
      line.className = problems.includes(text) ? "finding finding--stops" : "help";
      line.textContent = problems.includes(text) ? `✕ ${text}` : text;
      return line;
    }));
  };
  const isEmpty = (row) => !field(row, "url").value && !field(row, "caption").value;

  const upload = async (file, line) => {
    line.textContent = `${file.name}: uploading…`;
    const answer = await post(uploads.dataset.upload, { picture: file });
    if (answer.problem) {
      line.textContent = `✕ ${file.name}: ${answer.problem}`;
      line.className = "finding finding--stops";
      return null;
    }
    const row = [...rows.children].find(isEmpty) ?? rows.addRow();
    set(row, "url", answer.url);
    set(row, "width_px", answer.width);
    set(row, "height_px", answer.height);
    row.dataset.looked = answer.url;
    show(row, answer.shown);
    tell(row, "Uploaded. Enter where the picture comes from, its licence, and what it shows.", []);
    line.textContent = `✓ ${file.name}: uploaded.`;
    return row;
  };
  const uploadAll = async (files) => {
    const state = uploads.querySelector(".uploads__state");
    state.replaceChildren();
    const jobs = [...files].map((file) => {
      const line = state.appendChild(document.createElement("li"));
      line.textContent = `${file.name}: waiting…`;
      return [file, line];
    });
    let first = null;
    // One after the other: the site works on one picture at a time.
    for (const [file, line] of jobs) {
      const row = await upload(file, line);
      first ??= row;
    }
    if (first) field(first, "source").focus();
  };

  const look = async (row) => {
    const url = field(row, "url").value.trim();
    if (url === (row.dataset.looked ?? field(row, "url").defaultValue.trim())) return;
    row.dataset.looked = url;
    if (!url) {
      tell(row, "", []);
      return;
    }
    tell(row, "Looking at the picture…", []);
    const answer = await post(uploads.dataset.look, { url });
    // Another address was typed meanwhile.
    if (row.dataset.looked !== url) return;
    if (answer.problem) {
      tell(row, "", [answer.problem]);
      row.dataset.looked = "";
      return;
    }
    tell(row, answer.words, answer.problems);
    if (answer.shown) show(row, answer.shown);
    if (answer.width && !field(row, "width_px").value && !field(row, "height_px").value) {
      set(row, "width_px", answer.width);
      set(row, "height_px", answer.height);
    }
  };

  if (uploads && rows) {
    uploads.hidden = false;
    const choice = uploads.querySelector("input");
    choice.addEventListener("change", async () => {
      const files = [...choice.files];
      choice.value = "";
      await uploadAll(files);
    });
    const part = uploads.closest("[data-part]");
    const hasFiles = (event) => event.dataTransfer.types.includes("Files");
    part.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
    part.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      uploadAll(event.dataTransfer.files);
    });
    rows.addEventListener("change", (event) => {
      if (event.target.name?.endsWith("-url")) look(event.target.closest(".image-row"));
    });
  }
}
