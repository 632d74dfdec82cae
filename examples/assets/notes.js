// Saves without leaving the page, and waits for the phone. Without JavaScript the form does the same.

const NOTE = "/api/notes";
const said = document.getElementById("said");
const form = document.getElementById("note");

if (form) {
  const text = form.elements.namedItem("text");
  const version = form.elements.namedItem("version");
  const button = form.querySelector("button");
  let saved = text.value;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await save(text, version);
      saved = text.value;
      say("Saved.");
      await showKept();
    } catch (trouble) {
      say(trouble.message);
    } finally {
      button.disabled = false;
    }
  });

  window.addEventListener("beforeunload", (event) => {
    if (text.value !== saved) event.preventDefault();
  });
}

if (document.getElementById("locked")) {
  const answer = await patiently(() => fetch(NOTE));
  if (answer.status !== 423) location.reload();
}

async function save(text, version) {
  const body = JSON.stringify({ text: text.value });
  const answer = await patiently(() =>
    fetch(NOTE, {
      method: "PUT",
      headers: { "content-type": "application/json", "if-match": version.value },
      body,
    }),
  );
  if (answer.status === 401) {
    throw new Error("You are signed out. Copy your words before you sign in again.");
  }
  if (!answer.ok) throw new Error(await reason(answer));
  version.value = answer.headers.get("etag");
}

// Asks again while the phone has not released the key, for as long as its own question stands.
async function patiently(ask) {
  const end = Date.now() + 300_000;
  for (;;) {
    let answer;
    try {
      answer = await ask();
    } catch {
      throw new Error("The site cannot be reached. Nothing was changed.");
    }
    if (answer.status !== 423 || Date.now() > end) return answer;
    say(await reason(answer));
    const seconds = Number(answer.headers.get("retry-after")) || 3;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

async function reason(answer) {
  try {
    return (await answer.json()).title;
  } catch {
    return "Something went wrong. Nothing was changed.";
  }
}

async function showKept() {
  const answer = await fetch(`${NOTE}/sealed`);
  if (!answer.ok) return;
  const { sealed } = await answer.json();
  document.getElementById("kept").textContent = sealed ?? "Nothing yet.";
}

function say(words) {
  said.textContent = words;
}
