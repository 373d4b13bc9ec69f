// OpenCode's side of mng: it takes what is said from `inbox`, each text once, and leaves what it
// does as `event`, its conversation as `session`, what was taken as `evidence`, and the files that it
// changes as `edits`.
import { createHash } from "node:crypto"
import fs from "node:fs"
import path from "node:path"

const dir = process.env.MNG_AGENT_DIR
const at = (...names) => path.join(dir, ...names)

function replace(name, text) {
  fs.writeFileSync(at(`.${name}.part`), text)
  fs.renameSync(at(`.${name}.part`), at(name))
}

function tell(name, payload = {}) {
  replace("event", `${Math.floor(Date.now() / 1000)} ${name}\n${JSON.stringify(payload).slice(0, 4000)}\n`)
}

// OpenCode has read where its own homes are; what it runs has the user's, see opencode.sh.
function giveBack() {
  for (const name of ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"]) {
    const theirs = process.env[`MNG_${name}`]
    if (theirs) process.env[name] = theirs
    else if (theirs === "") delete process.env[name]
  }
  delete process.env.OPENCODE_TEST_HOME
}

export const Mng = async ({ client }) => {
  if (!dir) return {}
  giveBack()
  let session = fs.existsSync(at("session")) ? fs.readFileSync(at("session"), "utf8").trim() : ""
  let asked = 0
  for (const name of ["inbox", "taken"]) fs.mkdirSync(at(name), { recursive: true })

  const begin = async () => {
    session = (await client.session.create({ body: {} })).data.id
    replace("session", session + "\n")
    // Its screen may not be up yet.
    const show = { body: { type: "tui.session.select", properties: { sessionID: session } } }
    for (const wait of [0, 3000, 8000]) setTimeout(() => client.tui.publish(show).catch(() => {}), wait)
  }
  const say = async (text) => {
    if (text.startsWith("\u0001")) {
      await client.tui.appendPrompt({ body: { text: text.slice(1) } })
      await client.tui.submitPrompt()
      return
    }
    if (!session) await begin()
    const [providerID, ...modelID] = (process.env.MNG_MODEL || "").split("/")
    const model = modelID.length ? { model: { providerID, modelID: modelID.join("/") } } : {}
    await client.session.promptAsync({ path: { id: session }, body: { ...model, parts: [{ type: "text", text }] } })
  }
  const take = async () => {
    const waiting = fs.readdirSync(at("inbox")).map((name) => [fs.statSync(at("inbox", name)).mtimeMs, name])
    for (const [, name] of waiting.sort()) {
      fs.renameSync(at("inbox", name), at("taken", name))
      await say(fs.readFileSync(at("taken", name), "utf8"))
    }
  }
  const loop = async () => {
    await take().catch((error) => fs.appendFileSync(at("error"), `${error}\n`))
    setTimeout(loop, 100)
  }
  setTimeout(() => { tell("ready"); loop() }, 2000)

  return {
    "chat.message": async (input, output) => {
      const text = output.parts.filter((part) => part.type === "text" && !part.synthetic).map((part) => part.text)
      const form = JSON.stringify(text.join("\n")).slice(1, -1)
      if (input.sessionID !== session) replace("session", (session = input.sessionID) + "\n")
      tell("taken")
      // Behind it: whoever waits for the proof must not find the agent still idle.
      fs.appendFileSync(at("evidence"), createHash("sha256").update(form).digest("hex").slice(0, 16) + "\n")
    },
    "tool.execute.after": async (input, output) => {
      const file = ["edit", "write"].includes(input.tool) && (input.args?.filePath ?? output.metadata?.filepath)
      if (!file) return
      const form = JSON.stringify(path.resolve(file)).slice(1, -1)
      fs.appendFileSync(at("edits"), `${Math.floor(Date.now() / 1000)} ${form}\n`)
    },
    event: async ({ event }) => {
      const told = event.properties ?? {}
      if (told.sessionID && session && told.sessionID !== session && event.type !== "permission.asked") return
      if (event.type === "permission.asked") {
        asked += 1
        tell("asked", { tool_name: told.permission, tool_input: { ...told.metadata, patterns: (told.patterns ?? []).join(" ") } })
      } else if (event.type === "permission.replied") {
        asked -= 1
        if (!asked) tell("taken")
      } else if (event.type === "session.error") tell("error", told)
      else if (event.type === "session.idle") {
        asked = 0
        if (!lastError()) tell("idle")
      } else if (event.type === "session.status" && told.status?.type === "retry") tell("retry", told.status)
    },
  }
}

// A turn that has failed ends with `session.idle` as well.
function lastError() {
  try {
    return /^\d+ error/.test(fs.readFileSync(at("event"), "utf8"))
  } catch {
    return false
  }
}
