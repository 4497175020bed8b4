// Writes THIRD_PARTY_NOTICES: `node notices.mjs`, from `make generate`. One for what the server's binary holds (Go
// modules that are linked, packages that are bundled in the dashboard), one for the package @apier/client.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'vite'

const here = import.meta.dirname
const root = path.dirname(here)

/** Where each of them stands; the one of the binary is embedded in it. */
export const FILES = {
  binary: path.join(root, 'cmd/apier/THIRD_PARTY_NOTICES'),
  client: path.join(here, 'client/THIRD_PARTY_NOTICES'),
}

// The systems that are built for link different modules.
const SYSTEMS = ['linux', 'darwin']
const IS_NOTICE = /^(licen[cs]e|copying|notice|patents)/i

/** The notices of both, as they should stand in the files. */
export async function notices() {
  const dashboard = await bundled({ root: here })
  const client = await bundled({ root: here, configFile: false, publicDir: false, ...clientBuild })
  return {
    binary: page('The program apier holds code of others:', [...goModules(), ...dashboard]),
    client: page('The package @apier/client holds code of others:', client),
  }
}

const clientBuild = {
  build: {
    lib: {
      entry: ['lib/index.ts', 'lib/react.ts', 'lib/query/index.ts', 'lib/testing/index.ts'].map((name) =>
        path.join(here, 'src', name),
      ),
      formats: ['es'],
    },
    rolldownOptions: { external: [/^react($|\/)/, /^@tanstack\//] },
  },
}

/** The modules that a binary links: name, version and texts of each. */
function goModules() {
  const format = '{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}'
  const modules = new Map()
  for (const GOOS of SYSTEMS) {
    const env = { ...process.env, GOOS, GOARCH: 'amd64', CGO_ENABLED: '0' }
    const out = execFileSync('go', ['list', '-deps', '-f', format, './cmd/apier'], { cwd: root, env })
    for (const line of out.toString().trim().split('\n')) {
      const [name, version, dir, folder] = line.split('\t')
      const texts = modules.get(name)?.texts ?? new Set()
      for (const text of textsUpTo(dir, folder)) texts.add(text)
      modules.set(name, { name, version, texts })
    }
  }
  const goRoot = execFileSync('go', ['env', 'GOROOT'], { cwd: root }).toString().trim()
  const go = { name: 'The Go standard library', version: '', texts: new Set(textsOf(goRoot)) }
  return [go, ...modules.values()]
}

/** The packages that a build takes code of. */
async function bundled(config) {
  const ids = new Set()
  const note = { name: 'note-modules', generateBundle: (_, files) => collect(files, ids) }
  const plugins = [note]
  await build({ ...config, plugins, logLevel: 'error', build: { ...config.build, write: false } })
  const packages = new Map()
  for (const id of ids) {
    const dir = packageOf(id)
    if (!dir) continue
    const { name, version, license } = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'))
    const texts = textsOf(dir)
    packages.set(name, { name, version, texts: new Set(texts.length ? texts : [`License: ${license}`]) })
  }
  return [...packages.values()]
}

function collect(files, ids) {
  for (const file of Object.values(files)) {
    for (const [id, { renderedLength }] of Object.entries(file.modules ?? {}))
      if (renderedLength > 0) ids.add(id)
  }
}

/** The folder of the package that a module is from; undefined: it is our own. */
function packageOf(id) {
  // Helpers that the bundler itself puts in.
  const [, helper] = /^\0(vite|rolldown)\//.exec(id) ?? []
  if (helper) return path.join(here, 'node_modules', helper)
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ''))?.[0]
}

/** The texts in a folder of a module and in those above it, up to the module's. */
function textsUpTo(dir, folder) {
  const texts = textsOf(folder)
  return folder === dir ? texts : [...texts, ...textsUpTo(dir, path.dirname(folder))]
}

function textsOf(dir) {
  const names = existsSync(dir) ? readdirSync(dir, { withFileTypes: true }) : []
  const files = names.filter(
    (entry) => entry.isFile() && IS_NOTICE.test(entry.name) && !/\.go$/.test(entry.name),
  )
  return files.map(({ name }) => readFileSync(path.join(dir, name), 'utf8').replaceAll('\r\n', '\n').trim())
}

/** One page; packages with the same text share it. */
function page(title, packages) {
  if (packages.length === 0) return `${title.replace('holds', 'holds no').replace(':', '.')}\n`
  const named = ({ name, version }) => `${name} ${version}`.trim()
  const users = new Map()
  for (const each of packages.toSorted((a, b) => (named(a) < named(b) ? -1 : 1))) {
    if (each.texts.size === 0) throw new Error(`${named(each)}: no license is found`)
    for (const text of each.texts) users.set(text, [...(users.get(text) ?? []), named(each)])
  }
  const rule = '-'.repeat(80)
  const sections = [...users].map(([text, names]) => `${rule}\n${names.join('\n')}\n${rule}\n\n${text}\n`)
  const all = packages.map((each) => `  ${named(each)}`).sort()
  return `${title}\n\n${all.join('\n')}\n\n${sections.join('\n')}`
}

if (process.argv[1] === import.meta.filename) {
  const texts = await notices()
  for (const [name, file] of Object.entries(FILES)) writeFileSync(file, texts[name])
}
