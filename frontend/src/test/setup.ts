import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

// waitFor and findBy: within a second, a busy machine may not have rendered once. See testTimeout.
configure({ asyncUtilTimeout: 50_000 })

// Without vitest's globals, Testing Library does not clean up by itself.
afterEach(cleanup)
