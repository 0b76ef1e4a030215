// Fetches a file from our own server and saves it; a refusal is shown where the button is.
async function fetched(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Signet-UI": "1" },
    body: JSON.stringify(body),
  })
  if (answer.ok) return { blob: await answer.blob() }
  const { detail, code, request_id: id } = await answer.json()
  if (code === "otp-required") return { code, problem: "Type the code of your authenticator app too." }
  return { code, problem: id ? `${detail} (Request id ${id})` : detail }
}

function save(blob, filename) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = filename
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}

function parts(root) {
  const [password, code] = root.querySelectorAll("label")
  return { password, code, button: root.querySelector("button"), status: root.querySelector("span") }
}

// What was typed goes with the request and is not kept.
function proofs(root) {
  const { password, code } = parts(root)
  const typed = {}
  if (!password.hidden) typed.password = password.lastElementChild.value
  if (!code.hidden) typed.otp = code.lastElementChild.value.trim()
  return typed
}

function connect(root) {
  const { password, code, button, status } = parts(root)
  const say = (text, isProblem) => {
    status.textContent = text
    status.classList.toggle("problem", isProblem)
  }
  root.addEventListener("submit", async (event) => {
    event.preventDefault()
    const data = root.state
    const typed = proofs(root)
    if (typed.password === "") return say("Type your password first.", true)
    button.disabled = true
    say("Fetching …", false)
    try {
      const { blob, problem, code: kind } = await fetched(data.address, { ...data.body, ...typed })
      if (blob) save(blob, data.filename)
      if (kind === "otp-required") code.hidden = false
      say(problem || `Saved as ${data.filename}.`, Boolean(problem))
      button.disabled = data.once && Boolean(blob)
      if (blob) password.lastElementChild.value = code.lastElementChild.value = ""
    } catch {
      say("The connection was lost. Try again.", true)
      button.disabled = false
    }
  })
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".download")
  const known = Boolean(root.state)
  root.state = data
  parts(root).button.textContent = data.label
  parts(root).password.hidden = !data.proof
  if (!known) connect(root)
}
