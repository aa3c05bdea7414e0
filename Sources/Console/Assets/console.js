// Every page works without this; it adds times in the viewer's zone, events as they arrive, and a button that copies.

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
let inUTC = localStorage.getItem("metertap-utc") === "1";

/** The server writes times in UTC; the viewer's zone stands in its place, or beside it for those who point at it. */
function localTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    time.dataset.utc ??= time.textContent;
    const local = zone.format(new Date(time.dateTime));
    time.textContent = inUTC ? time.dataset.utc : local;
    time.title = inUTC ? local : time.dataset.utc;
  }
}

function zoneSwitch(button) {
  function show() {
    button.textContent = inUTC ? "Show times in your zone" : "Show all times in UTC";
    localTimes(document);
  }
  button.addEventListener("click", () => {
    inUTC = !inUTC;
    localStorage.setItem("metertap-utc", inUTC ? "1" : "0");
    show();
  });
  button.hidden = false;
  show();
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

/** Shows a part of the page anew as soon as what it waits for is done, and says so. */
function renew(status) {
  const pause = 1000;
  const part = document.querySelector("[data-renew]");
  async function look() {
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      const now = page.querySelector("[data-renew]");
      if (now && !page.querySelector("[data-done]")) {
        part.replaceChildren(...now.childNodes);
        start(part);
        status.textContent = status.dataset.done;
        status.className = "notice good";
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
  const text = button.parentElement.querySelector("[data-secret], pre");
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  });
}

/** What any part of a page may hold. */
function start(part) {
  localTimes(part);
  for (const button of part.querySelectorAll("[data-copy]")) copying(button);
}

start(document);
// On a phone the sections are a row that scrolls.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
for (const button of document.querySelectorAll("[data-zone]")) zoneSwitch(button);
for (const bar of document.querySelectorAll("[data-live]")) liveEvents(bar);
for (const status of document.querySelectorAll("[data-done]")) renew(status);
const panel = document.querySelector("[data-first-event]");
if (panel?.querySelector("[data-waiting]")) firstEvent(panel);
