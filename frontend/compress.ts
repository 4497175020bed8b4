// A step of the build: every text asset gets a copy by brotli and one by gzip beside it. The server sends the one that a
// browser takes (internal/server/assets.go).
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const TEXT = /\.(js|css|svg)$/
/** Below this a copy saves nothing: the file fits into one packet as it is. */
const LEAST_BYTES = 1024

const copies: Record<string, (text: Buffer) => Buffer> = {
  br: (text) =>
    brotliCompressSync(text, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
      },
    }),
  gz: (text) => gzipSync(text, { level: 9 }),
}

/** The plugin that adds the copies. */
export function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const [fileName, file] of Object.entries(bundle)) {
          const text = Buffer.from(file.type === 'chunk' ? file.code : file.source)
          if (!TEXT.test(fileName) || text.length < LEAST_BYTES) continue
          for (const [ending, compress] of Object.entries(copies))
            this.emitFile({ type: 'asset', fileName: `${fileName}.${ending}`, source: compress(text) })
        }
      },
    },
  }
}
