// What the tests of this folder share.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

export const here = import.meta.dirname
export const root = path.resolve(here, '../..')
export const frontend = path.join(root, 'frontend')
const inFrontend = path.join(frontend, 'node_modules')

const exec = promisify(execFile)

/** Runs a program to its end and returns what it prints; throws with all of it where it fails. */
export async function run(cwd, command, ...args) {
  const options = {
    cwd,
    maxBuffer: 1 << 26,
    timeout: 600_000,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
  }
  try {
    return (await exec(command, args, options)).stdout
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}\n${error.stdout}\n${error.stderr}`, { cause: error })
  }
}

/** A program of the npm packages of this folder. */
export const bin = (name) => path.join(here, 'node_modules/.bin', name)

/** TypeScript, that of the frontend. */
export const tsc = (cwd, ...args) => run(cwd, 'node', path.join(inFrontend, 'typescript/bin/tsc'), ...args)

/** Builds and packs @apier/client; returns the path of the tarball. */
export async function packClient(into) {
  await run(frontend, 'node', 'client/build.mjs')
  const name = await run(into, 'npm', 'pack', path.join(frontend, 'client'), '--silent')
  return path.join(into, name.trim())
}

/** An empty project with the tarball installed, beside it packages of the frontend and tools of this folder. */
export async function project(tarball, { type = 'module', packages = [], tools = [] } = {}) {
  const dir = await mkdtemp(path.join(tmpdir(), 'apier-outsider-'))
  const at = {
    dir,
    write: async (files) => {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(path.dirname(path.join(dir, name)), { recursive: true })
        await writeFile(path.join(dir, name), text)
      }
    },
    run: (command, ...args) => run(dir, command, ...args),
    tsc: (...args) => tsc(dir, ...args),
    remove: () => rm(dir, { recursive: true, force: true }),
  }
  await at.write({ 'package.json': JSON.stringify({ name: 'outsider', private: true, type }) })
  await at.run('npm', 'install', '--offline', '--no-audit', '--no-fund', '--silent', tarball)
  const link = async (name, from) => symlink(path.join(from, name), path.join(dir, 'node_modules', name))
  for (const name of packages) await link(name, inFrontend)
  for (const name of tools) await link(name, path.join(here, 'node_modules'))
  return at
}
