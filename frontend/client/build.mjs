// Builds the package @apier/client into dist/: `npm run build:client`, then `npm pack ./client`.
// dist/esm has ES modules, dist/cjs the same for require() (Jest, older tools); each has its types beside it.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'vite'

const here = import.meta.dirname
const root = path.dirname(here)
const lib = path.join(root, 'src/lib')
const browsers = JSON.parse(readFileSync(path.join(root, 'browsers.json'), 'utf8'))

/** The public entries, by the name of their file in dist/. */
const entries = {
  index: path.join(lib, 'index.ts'),
  react: path.join(lib, 'react.ts'),
  query: path.join(lib, 'query/index.ts'),
  testing: path.join(lib, 'testing/index.ts'),
}

/**
 * Writes each module of the sources as one file, readable, with its source map. What a page does not use its
 * bundler leaves out, and modules for the browser and for a server stay apart.
 */
async function modules(outDir, format) {
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    // The setting of a Vite application that has the sources in it. A package is built once, for all bundlers,
    // and most of them cannot read import.meta.env.
    define: { 'import.meta.env.VITE_WEBSOCKET_URL': 'undefined' },
    build: {
      outDir,
      emptyOutDir: true,
      minify: false,
      sourcemap: true,
      // What the oldest of our browsers read; by their names each ?. would be spelled out, for a bug of Chrome
      // that only concerns calls with a spread in the middle.
      target: 'es2021',
      cssTarget: browsers,
      lib: { entry: entries, formats: [format], cssFileName: 'style' },
      rolldownOptions: {
        // Each module stays a file, so its 'use client' stays, too.
        onLog: (level, log, next) => log.code === 'MODULE_LEVEL_DIRECTIVE' || next(level, log),
        external: [/^react($|\/)/, /^@tanstack\//],
        output: {
          preserveModules: true,
          preserveModulesRoot: path.join(root, 'src'),
          entryFileNames: '[name].js',
          exports: 'named',
        },
      },
    },
  })
}

/** Writes the types, with the endings that Node's resolution asks for. */
function types(outDir) {
  execFileSync('npx', ['tsc', '-p', path.join(here, 'tsconfig.json'), '--outDir', outDir], {
    stdio: 'inherit',
  })
  for (const file of readdirSync(outDir, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue
    const at = path.join(outDir, file)
    const text = readFileSync(at, 'utf8')
    const withEndings = text.replace(
      /((?:\bfrom |\bimport\()(['"]))(\.[^'"]*)\2/g,
      (_, before, quote, name) => `${before}${resolved(path.dirname(at), name)}${quote}`,
    )
    writeFileSync(at, withEndings)
  }
}

/** A relative import as Node resolves it. */
function resolved(folder, name) {
  const isIn = (file) => existsSync(path.join(folder, file))
  if (isIn(`${name}.d.ts`)) return `${name}.js`
  if (isIn(`${name}/index.d.ts`)) return `${name}/index.js`
  throw new Error(`${folder}: the types import ${name}, which is not there`)
}

const dist = path.join(here, 'dist')
rmSync(dist, { recursive: true, force: true })
await modules(path.join(dist, 'cjs'), 'cjs')
await modules(path.join(dist, 'esm'), 'es')
types(path.join(dist, 'esm'))
for (const file of readdirSync(path.join(dist, 'esm'), { recursive: true })) {
  if (file.endsWith('.d.ts')) cpSync(path.join(dist, 'esm', file), path.join(dist, 'cjs', file))
}
writeFileSync(path.join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n')
cpSync(path.join(dist, 'esm/style.css'), path.join(dist, 'style.css'))
for (const format of ['esm', 'cjs']) {
  rmSync(path.join(dist, format, 'style.css'), { force: true })
  writeFileSync(path.join(dist, format, 'style.css.d.ts'), '// A style sheet, for its effect.\nexport {}\n')
}
