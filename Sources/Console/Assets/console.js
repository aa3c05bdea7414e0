// Every page works without this; it adds times in the viewer's zone, events as they arrive, and a button that copies.

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

function localTimes(root) {
  for (const time of root.querySelectorAll("time:not([title])")) {
    time.title = time.textContent;
    time.textContent = zone.format(new Date(time.dateTime));
  }
}

/** Rows of the list of events as they arrive; the server renders them, as it does those of the page. */
function liveEvents(bar) {
  const rows = document.querySelector("[data-rows]");
  const button = bar.querySelector("[data-pause]");
  const state = bar.querySelector("[data-state]");
  const most = 200;
  let last = bar.dataset.after;
  let source;

  function say(text, style) {
    state.textContent = text;
    state.className = `badge ${style}`;
  }

  function add(event) {
    last = event.lastEventId;
    const template = document.createElement("template");
    template.innerHTML = event.data;
    const row = template.content.firstElementChild;
    row.classList.add("new");
    localTimes(row);
    rows.querySelector(".none")?.remove();
    rows.prepend(row);
    while (rows.children.length > most) rows.lastElementChild.remove();
  }

  function connect() {
    const url = new URL(bar.dataset.live, location.href);
    url.searchParams.set("after", last);
    source = new EventSource(url);
    source.addEventListener("open", () => say("live", "good"));
    // The browser connects again by itself and tells the server which event it saw last.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) say("signed out; load the page anew", "bad");
      else say("connection lost, trying again", "warn");
    });
    source.addEventListener("record", add);
  }

  button.addEventListener("click", () => {
    const pauses = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(pauses));
    button.textContent = pauses ? "Resume" : "Pause";
    if (pauses) {
      source.close();
      say("paused", "plain");
    } else {
      connect();
    }
  });
  bar.hidden = false;
  connect();
}

/** Shows the page anew when the first event has come. */
function firstEvent(panel) {
  const pause = 1000;
  async function look() {
    try {
      const answer = await fetch("/console/start/first-event");
      if (answer.ok && Number(await answer.text()) > 0) {
        const page = new DOMParser().parseFromString(await (await fetch("/console/start")).text(), "text/html");
        panel.replaceChildren(...page.querySelector("[data-first-event]").children);
        localTimes(panel);
        return;
      }
    } catch {
      // The server is away; the next look tells.
    }
    setTimeout(look, pause);
  }
  look();
}

function copying(button) {
  const secret = button.parentElement.querySelector("[data-secret]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(secret.textContent);
    button.textContent = "Copied";
  });
}

localTimes(document);
// On a phone the sections are a row that scrolls.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
for (const bar of document.querySelectorAll("[data-live]")) liveEvents(bar);
for (const button of document.querySelectorAll("[data-copy]")) copying(button);
const panel = document.querySelector("[data-first-event]");
if (panel?.querySelector("[data-waiting]")) firstEvent(panel);
