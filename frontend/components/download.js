// Fetches a file from our own server and saves it; a refusal is shown where the button is.
async function fetched({ address, body }) {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Signet-UI": "1" },
    body: JSON.stringify(body),
  })
  if (answer.ok) return { blob: await answer.blob() }
  const said = await answer.json()
  return { problem: said.request_id ? `${said.detail} (Request id ${said.request_id})` : said.detail }
}

function save(blob, filename) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = filename
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}

function connect(root, button, status) {
  const say = (text, isProblem) => {
    status.textContent = text
    status.classList.toggle("problem", isProblem)
  }
  button.addEventListener("click", async () => {
    const data = root.state
    button.disabled = true
    say("Fetching …", false)
    try {
      const { blob, problem } = await fetched(data)
      if (blob) save(blob, data.filename)
      say(problem || `Saved as ${data.filename}.`, Boolean(problem))
      button.disabled = data.once && Boolean(blob)
    } catch {
      say("The connection was lost. Try again.", true)
      button.disabled = false
    }
  })
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".download")
  const [button, status] = root.children
  const known = Boolean(root.state)
  root.state = data
  button.textContent = data.label
  if (!known) connect(root, button, status)
}
