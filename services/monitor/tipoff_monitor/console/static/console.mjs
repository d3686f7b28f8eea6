// Refreshes the content of a page every 30 seconds, in place. Without it every page works; it is only older.

const EVERY_MS = 30_000;
const SOON_MS = 2_000;

let timer;

function schedule() {
  clearTimeout(timer);
  // A page that waits for its first data is refreshed soon.
  const waiting = document.querySelector("[data-waiting]") !== null;
  timer = setTimeout(refresh, waiting ? SOON_MS : EVERY_MS);
}

async function refresh() {
  // A hidden tab requests nothing; it is refreshed when it is shown.
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { "X-Tipoff-Refresh": "1" }, redirect: "error" });
    if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    document.documentElement.toggleAttribute("data-offline", !answer.ok);
  } catch {
    // The page still shows the age of its data.
    document.documentElement.toggleAttribute("data-offline", true);
  }
  schedule();
}

function replace(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (now === null || now.innerHTML === old.innerHTML) continue;
    const open = [...old.querySelectorAll("details[open][id]")].map((item) => item.id);
    const scrolled = [...old.querySelectorAll("[data-scroll][id]")].map((item) => [item.id, item.scrollLeft]);
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceChildren(...document.importNode(now, true).childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const [id, left] of scrolled) document.getElementById(id)?.scrollTo({ left });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
schedule();
