// No page of a person stays on a screen after their session: a tab that signs out tells the others, and each tab asks now and then.
const EVERY = 60 * 1000

async function ask() {
  const answer = await fetch("/ui/session/state", {
    method: "POST",
    credentials: "same-origin",
    headers: { "X-Signet-UI": "1" },
  })
  if (answer.status === 401) location.reload()
}

function listen() {
  const channel = new BroadcastChannel("signet-session")
  channel.onmessage = () => location.reload()
  // A server that does not answer says nothing of the session.
  setInterval(() => ask().catch(() => {}), EVERY)
  return channel
}

export default function () {
  window.signetFarewell ??= listen()
}
