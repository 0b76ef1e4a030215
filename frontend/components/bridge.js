// Sends one request to our own server and loads the page anew, so that the next connection carries the new cookie. The other tabs of the
// browser are told: they hold the same cookie.
const sent = new Set()

export default function ({ data, parentElement }) {
  if (sent.has(data.nonce)) return
  sent.add(data.nonce)
  const text = parentElement.querySelector("p")
  text.textContent = data.text
  fetch(data.address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Signet-UI": "1" },
    body: JSON.stringify(data.body),
  })
    .then(async (answer) => {
      if (answer.ok) {
        new BroadcastChannel("signet-session").postMessage(data.address)
        location.reload()
      }
      else text.textContent = (await answer.json()).detail
    })
    .catch(() => { text.textContent = "The connection was lost. Load the page again." })
}
