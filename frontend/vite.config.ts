import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
// The oldest browsers that are promised: those of the integration guide.
import browsers from './browsers.json' with { type: 'json' }
import { compressed } from './compress.ts'

export default defineConfig({
  plugins: [react(), compressed()],
  // The Go server puts a fresh nonce in place of this word in each answer; the policy has no unsafe-inline.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    outDir: 'dist',
    target: browsers,
    cssTarget: browsers,
    // The policy allows no data: source, so every asset is a file.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:8080',
      '/ws': { target: 'ws://127.0.0.1:8080', ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}', 'client/*.test.mjs', '*.test.mjs'],
    // No passing test waits it out: clocks are fake, and what is awaited comes. A busy machine takes seconds for a render.
    testTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
})
