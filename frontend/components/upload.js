// Sends a file to our own server slice by slice, each with its SHA-256, so that neither side ever holds it whole.
const SLICE = 8 * 1024 * 1024
const ATTEMPTS = 4
const HEADERS = { "X-Signet-UI": "1" }

class Refused extends Error {
  constructor(body) {
    super(body.detail || "The upload was refused.")
    this.requestId = body.request_id
    this.received = body.received
  }
}

async function ask(method, address, options = {}) {
  const headers = { ...HEADERS, ...options.headers }
  const answer = await fetch(address, { credentials: "same-origin", ...options, method, headers })
  const body = answer.status === 204 ? {} : await answer.json()
  if (!answer.ok) throw Object.assign(new Refused(body), { status: answer.status })
  return body
}

const askJson = (method, address, body, signal) =>
  ask(method, address, { body: JSON.stringify(body), signal, headers: { "Content-Type": "application/json" } })

async function hex(buffer) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

// The offset after the slice; a lost or damaged one is sent again, and one whose answer was lost is not.
async function sendSlice(id, file, offset, signal) {
  const body = await file.slice(offset, offset + SLICE).arrayBuffer()
  const headers = { "X-Slice-SHA256": await hex(body), "Content-Type": "application/octet-stream" }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await ask("PUT", `/ui/uploads/${id}/slices/${offset}`, { body, headers, signal })).received
    } catch (error) {
      if (typeof error.received === "number") return error.received
      const final = [401, 403, 404, 413].includes(error.status)
      if (signal.aborted || final || attempt === ATTEMPTS) throw error
      await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** attempt))
    }
  }
}

async function send(file, { options, finish }, view, signal) {
  const { id } = await askJson("POST", "/ui/uploads", { filename: file.name, size: file.size }, signal)
  try {
    for (let offset = 0; offset < file.size; ) {
      view.progress(offset / file.size, `${file.name} · ${Math.floor((100 * offset) / file.size)} %`)
      offset = await sendSlice(id, file, offset, signal)
    }
    view.progress(null, `Reading ${file.name} …`)
    return await askJson("POST", `/ui/uploads/${id}/${finish}`, options, signal)
  } catch (error) {
    if (signal.aborted) ask("DELETE", `/ui/uploads/${id}`).catch(() => {})
    throw error
  }
}

function viewOf(root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`)
  const show = (name) => {
    for (const each of ["choose", "sending"]) part(each).hidden = each !== name
  }
  return {
    part,
    choose: (text = "") => {
      show("choose")
      part("problem").textContent = text
      part("problem").hidden = !text
    },
    progress: (share, text) => {
      show("sending")
      part("problem").hidden = true
      part("text").textContent = text
      if (share === null) part("bar").removeAttribute("value")
      else part("bar").value = share
    },
  }
}

function connect(root) {
  const view = viewOf(root)
  let stop = null

  async function start(file) {
    if (!file || stop) return
    if (file.size === 0) return view.choose("The file is empty.")
    if (file.size > root.state.data.max_bytes) return view.choose(`The file is larger than ${root.state.data.limit}.`)
    stop = new AbortController()
    try {
      const made = await send(file, root.state.data, view, stop.signal)
      view.progress(1, `${made.name} is ready.`)
      root.state.setTriggerValue("uploaded", made.id)
      if (root.state.data.finish === "keep") view.choose()
    } catch (error) {
      const lost = error instanceof Refused ? error.message : "The connection was lost. Try again."
      const text = stop.signal.aborted ? "" : lost
      view.choose(error.requestId ? `${text} (Request id ${error.requestId})` : text)
    }
    stop = null
  }

  const input = view.part("input")
  input.addEventListener("change", () => { start(input.files[0]); input.value = "" })
  view.part("browse").addEventListener("click", () => input.click())
  view.part("cancel").addEventListener("click", () => stop?.abort())
  for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]])
    root.addEventListener(name, (event) => { event.preventDefault(); root.classList.toggle("over", over) })
  root.addEventListener("drop", (event) => start(event.dataTransfer.files[0]))
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".drop")
  const known = Boolean(root.state)
  root.state = { data, setTriggerValue }
  if (known) return
  root.querySelector('[data-part="limit"]').textContent = `${data.takes}, up to ${data.limit}`
  root.querySelector('[data-part="input"]').accept = data.accept
  connect(root)
}
