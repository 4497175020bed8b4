/** What is remembered from page to page. */
export type Memory = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

// Where the browser bars it, reading the property alone throws; where it is full, writing does.
function memoryOf(open: () => Storage): Memory {
  const attempt = <T>(run: (storage: Storage) => T): T | null => {
    try {
      return run(open())
    } catch {
      return null
    }
  }
  return {
    getItem: (key) => attempt((storage) => storage.getItem(key)),
    setItem: (key, value) => void attempt((storage) => storage.setItem(key, value)),
    removeItem: (key) => void attempt((storage) => storage.removeItem(key)),
  }
}

/** localStorage, which all tabs share; where it is barred or full, nothing is remembered. Never throws. */
export const memory: Memory = memoryOf(() => localStorage)

/** sessionStorage, which is this tab's own, likewise. */
export const tabMemory: Memory = memoryOf(() => sessionStorage)
