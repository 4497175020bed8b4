// Builds the package @apier/client into dist/: `npm run build:client`, then `npm pack ./client`.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'vite'
import { shorten } from './shorten.mjs'

const here = import.meta.dirname
const root = path.dirname(here)
const lib = path.join(root, 'src/lib')
const browsers = JSON.parse(readFileSync(path.join(root, 'browsers.json'), 'utf8'))

/** The public entries, by the name of their file in dist/. */
export const entries = {
  index: path.join(lib, 'index.ts'),
  react: path.join(lib, 'react.ts'),
  query: path.join(lib, 'query/index.ts'),
  testing: path.join(lib, 'testing/index.ts'),
}

// VITE_WEBSOCKET_URL is the setting of the application that uses the package, not of this build. Where no
// bundler replaces import.meta.env there is none.
const keepEnv = {
  name: 'keep-import-meta-env',
  enforce: 'pre',
  transform: (code) => code.replaceAll('import.meta.env.', '__APPLICATION_ENV__.'),
  renderChunk: (code) => code.replaceAll('__APPLICATION_ENV__.', 'import.meta.env?.'),
}

/** Has members that are nobody's business outside under short names, and constants as their values. */
function shortNames() {
  const texts = shorten(Object.values(entries))
  return { name: 'short-names', enforce: 'pre', load: (id) => texts.get(id) }
}

/** Bundles the entries; what they share is in chunks of its own, so that a page loads it once. */
export async function bundle(outDir) {
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    plugins: [shortNames(), keepEnv],
    build: {
      outDir,
      emptyOutDir: true,
      // What the oldest of our browsers read; by their names each ?. would be spelled out, for a bug of Chrome
      // that only concerns calls with a spread in the middle.
      target: 'es2021',
      cssTarget: browsers,
      lib: { entry: entries, formats: ['es'], cssFileName: 'style' },
      rolldownOptions: {
        external: [/^react($|\/)/, /^@tanstack\//],
        output: { minify: true, chunkFileNames: 'chunks/[name].js' },
      },
    },
  })
}

/** Writes the types next to it, with the endings that Node's resolution asks for. */
function types(outDir) {
  execFileSync('npx', ['tsc', '-p', path.join(here, 'tsconfig.json'), '--outDir', outDir], {
    stdio: 'inherit',
  })
  for (const file of readdirSync(outDir, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue
    const at = path.join(outDir, file)
    const text = readFileSync(at, 'utf8').replace(/(from '\.[^']*)'/g, (_, from) => {
      const target = path.join(path.dirname(at), from.slice("from '".length))
      return exists(`${target}.d.ts`) ? `${from}.js'` : `${from}/index.js'`
    })
    writeFileSync(at, text)
  }
}

const exists = (file) => {
  try {
    readFileSync(file)
    return true
  } catch {
    return false
  }
}

if (process.argv[1] === import.meta.filename) {
  const outDir = path.join(here, 'dist')
  rmSync(outDir, { recursive: true, force: true })
  await bundle(outDir)
  types(outDir)
}
