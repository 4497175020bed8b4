// An nginx with its default buffers before the server, on a Unix socket.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { until } from './browser.mjs'

/** Starts nginx; `socket` is where it listens. */
export async function startNginx(server) {
  const dir = await mkdtemp(path.join(tmpdir(), 'nginx-')) // short: the path of a socket has at most 108 bytes
  const socket = path.join(dir, 's')
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (n) => `${n}_temp_path ${dir}/${n};`,
  )
  const config = `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/error.log;
events { worker_connections 64; }
http {
  access_log off; ${folders.join(' ')}
  server {
    listen unix:${socket};
    location / {
      proxy_pass http://127.0.0.1:${server.port}; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }
  }
}`
  await writeFile(`${dir}/nginx.conf`, config)
  const child = spawn('nginx', ['-p', dir, '-e', `${dir}/error.log`, '-c', `${dir}/nginx.conf`], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  const listens = () =>
    new Promise((resolve) => {
      const probe = net.connect(socket)
      probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
      probe.once('connect', () => probe.destroy())
    })
  await until('nginx listens', listens)
  return {
    socket,
    close: async () => {
      child.kill('SIGKILL')
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}
